"""The endpoints that have a deadline, and what a deadline of each may be. Declared here once.

The form, the API's schema, the admin, the command's help and the docs derive from `ENDPOINTS`.
"""

from dataclasses import dataclass

from django.conf import settings

from settings_app.durations import number_text, seconds_text


@dataclass(frozen=True)
class Endpoint:
    """One row of the contract. All values are seconds. `dialects`: other paths to the same, and their names. `asides`:
    paths under its deadline that do not answer what is asked, so how long they take says nothing of how long that does.
    """

    key: str
    label: str
    path: str
    help: str
    default_seconds: float
    lowest_seconds: float
    highest_seconds: float
    step_seconds: float
    dialects: tuple[tuple[str, str], ...] = ()
    asides: tuple[tuple[str, str], ...] = ()

    @property
    def paths(self) -> dict[str, str]:
        """All that its deadline holds for: labels by path, its own first."""
        return {**self.answering, **dict(self.asides)}

    @property
    def answering(self) -> dict[str, str]:
        """Of these, those that answer."""
        return {self.path: self.label, **dict(self.dialects)}

    @property
    def field(self) -> str:
        """The name of its value in JSON and forms."""
        return f"{self.key}_seconds"

    @property
    def min_seconds(self) -> float:
        """The lowest value that is accepted: the contract's, or the operator's lowered floor."""
        floor = settings.TIMEOUT_FLOOR_SECONDS
        return self.lowest_seconds if floor is None else min(floor, self.lowest_seconds)

    @property
    def bounds_text(self) -> str:
        """What every door says to a value out of bounds."""
        low, high = self.min_seconds, self.highest_seconds
        return f"Enter {number_text(low)} to {number_text(high)} seconds ({seconds_text(low)} to {seconds_text(high)})."

    def accepts(self, seconds: float) -> bool:
        return self.min_seconds <= seconds <= self.highest_seconds  # False for NaN


ENDPOINTS = (
    Endpoint(
        key="chat",
        label="Chat Completions",
        path="/v1/chat/completions",
        help="Bounds a whole chat answer: waiting, loading the model, reading the prompt and writing.",
        default_seconds=900,
        lowest_seconds=60,
        highest_seconds=7200,
        step_seconds=60,
        dialects=(("/v1/responses", "Responses"), ("/v1/messages", "Messages")),
        asides=(
            ("/v1/responses/input_tokens", "Input Tokens"),
            ("/v1/messages/count_tokens", "Count Tokens"),
        ),
    ),
    Endpoint(
        key="completions",
        label="Text Completions",
        path="/v1/completions",
        help="Bounds a plain text completion, from its arrival to its last token.",
        default_seconds=600,
        lowest_seconds=60,
        highest_seconds=7200,
        step_seconds=60,
    ),
    Endpoint(
        key="embeddings",
        label="Embeddings",
        path="/v1/embeddings",
        help="Bounds a batch of embeddings; looked at between the batches that a long list is split into.",
        default_seconds=120,
        lowest_seconds=30,
        highest_seconds=600,
        step_seconds=30,
    ),
)
BY_KEY = {endpoint.key: endpoint for endpoint in ENDPOINTS}
BY_PATH = {path: endpoint for endpoint in ENDPOINTS for path in endpoint.paths}
