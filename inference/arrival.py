"""What is known of a request before its body is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.http import HttpRequest

from inference.call import Call
from inference.deadline import Deadline, client_wish, effective
from inference.errors import NotFound
from settings_app.endpoints import Endpoint
from settings_app.snapshot import EMPTY, Key, Snapshot


@dataclass
class Arrival:
    """`at`: seconds of `time.monotonic()` when the request reached the app. `key`: None on loopback without one.

    `settings` are what was stored at that moment; `deadline` is known once the body was read.
    """

    id: str
    at: float
    settings: Snapshot = EMPTY
    key: Key | None = None
    deadline: Deadline | None = None

    def folder(self, model: str) -> Path:
        """Where the model lies. Raises NotFound as OpenAI does."""
        try:
            return self.settings.models[model]
        except KeyError:
            known = ", ".join(self.settings.models) or "none; add one with manage.py add_model"
            raise NotFound(
                f"The model {model!r} does not exist. Known: {known}.", code="model_not_found", param="model"
            ) from None

    def call(self, request: HttpRequest, endpoint: Endpoint, model: str, body_timeout: object) -> Call:
        """The request to a model, whose clock began when it reached the app."""
        wish = client_wish(_lower(request.headers), body_timeout)
        self.deadline = effective(self.at, self.settings.timeouts[endpoint.key], wish)
        return Call(id=self.id, endpoint=endpoint, model=model, deadline=self.deadline, arrived=self.at)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
