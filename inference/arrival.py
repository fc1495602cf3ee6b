"""What is known of a request before its body is read."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.http import HttpRequest

from inference import routing
from inference.call import Call, new_id
from inference.deadline import Deadline, client_wish
from settings_app.endpoints import Endpoint
from settings_app.snapshot import EMPTY, Key, Snapshot


@dataclass
class Arrival:
    """`at`: seconds of `time.monotonic()` when the request reached the app, and `date` the same for people.

    `path`: of the endpoint; "" for what is no request to a model, and leaves no row. `key`: None on loopback without
    one. `settings` are those stored at that moment; `asked`, the model's name, and `call` are known once the body was
    read.
    """

    id: str = field(default_factory=new_id)
    at: float = field(default_factory=time.monotonic)
    date: datetime = field(default_factory=lambda: datetime.now(UTC))
    path: str = ""
    settings: Snapshot = EMPTY
    key: Key | None = None
    asked: str = ""
    call: Call | None = None

    def begin(
        self, request: HttpRequest, endpoint: Endpoint, model: str, body_timeout: object, *, streamed: bool
    ) -> Call:
        """The request to a model, whose clock began when it reached the app. Raises what `routing.decide` does."""
        self.asked = model
        decision = routing.decide(model, self.settings)
        headers = {name.lower(): value for name, value in request.headers.items()}
        patience = self.settings.serving.honour_client_timeout and not streamed
        wish = client_wish(headers, body_timeout, with_client_timeout=patience)
        retries = headers.get("x-stainless-retry-count", "")
        self.call = Call(
            id=self.id,
            endpoint=endpoint,
            decision=decision,
            deadline=Deadline(
                self.at,
                self.settings.timeouts[endpoint.key],
                wish,
                highest_seconds=endpoint.highest_seconds,
            ),
            arrived=self.at,
            path=request.path,
            at=self.date,
            streamed=streamed,
            key_name=self.key.name if self.key else "",
            fell_back=list(decision.passed_over),
            client_retries=int(retries) if retries.isdecimal() and len(retries) < 5 else 0,
        )
        return self.call
