"""What is wrong with a request, in words for its client."""

from inference.messages import Refused


class Unusable(Exception):
    """The request cannot be a prompt. `code` and the message are for the client."""

    def __init__(self, code: str, message: str, param: str | None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param

    def refused(self, id: str) -> Refused:
        return Refused(id, self.code, self.param, str(self))
