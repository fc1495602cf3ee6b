"""What is known of a request before its body is read."""

from dataclasses import dataclass

from django.http import HttpRequest

from inference.call import Call
from inference.deadline import client_wish, effective
from inference.errors import InvalidRequest, NotFound
from settings_app.endpoints import Endpoint
from settings_app.snapshot import EMPTY, Key, Model, Snapshot

_DOES_NOT = {
    "text": ("model_does_not_embed", "makes text, not embeddings. Ask an embedding model."),
    "embedding": ("model_does_not_generate", "makes embeddings, not text. Ask a text model."),
}


@dataclass
class Arrival:
    """`at`: seconds of `time.monotonic()` when the request reached the app. `key`: None on loopback without one.

    `settings` are those stored at that moment; `call` is known once the body was read.
    """

    id: str
    at: float
    settings: Snapshot = EMPTY
    key: Key | None = None
    call: Call | None = None

    def model(self, name: str, kind: str | None = None) -> Model:
        """Raises NotFound as OpenAI does, and InvalidRequest if the model is not of this kind."""
        model = self.settings.models.get(name)
        if model is None:
            known = ", ".join(self.settings.models) or "none; add one with manage.py add_model"
            raise NotFound(
                f"The model {name[:200]!r} does not exist. Known: {known}.",
                code="model_not_found",
                param="model",
            )
        if kind is not None and model.kind != kind:
            code, does_not = _DOES_NOT[model.kind]
            raise InvalidRequest(f"{name} {does_not}", code=code, param="model")
        return model

    def begin(
        self, request: HttpRequest, endpoint: Endpoint, model: Model, body_timeout: object, *, streamed: bool
    ) -> Call:
        """The request to a model, whose clock began when it reached the app."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        patience = self.settings.serving.honour_client_timeout and not streamed
        wish = client_wish(headers, body_timeout, with_client_timeout=patience)
        retries = headers.get("x-stainless-retry-count", "")
        self.call = Call(
            id=self.id,
            endpoint=endpoint,
            model=model.name,
            deadline=effective(self.at, self.settings.timeouts[endpoint.key], model.deadline_seconds, wish),
            arrived=self.at,
            streamed=streamed,
            key_name=self.key.name if self.key else "",
            client_retries=int(retries) if retries.isdecimal() and len(retries) < 5 else 0,
        )
        return self.call
