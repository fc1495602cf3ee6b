"""What is known of a request before its body is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from inference import deadline
from inference.call import Call
from inference.errors import NotFound
from settings_app.endpoints import Endpoint
from settings_app.snapshot import Key, Snapshot


@dataclass(frozen=True)
class Arrival:
    """`at`: seconds of `time.monotonic()` when the request reached the app. `key`: None on loopback without one."""

    id: str
    at: float
    settings: Snapshot
    key: Key | None

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
        wish = deadline.client_wish(_lower(request.headers), body_timeout)
        return Call(
            id=self.id,
            endpoint=endpoint,
            model=model,
            deadline=deadline.effective(self.at, self.settings.timeouts[endpoint.key], wish),
            arrived=self.at,
        )

    def mark(self, response: HttpResponseBase, call: Call) -> None:
        """Which deadline held, for whoever reads the answer."""
        response["x-mlx-deadline-seconds"] = f"{call.deadline.seconds:g}"
        response["x-mlx-deadline-source"] = call.deadline.source


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
