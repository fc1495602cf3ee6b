from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, WithJsonSchema

from settings_app import serving
from settings_app.api.auth import author
from settings_app.models import Serving

router = Router(tags=["Serving"])


class ServingOut(Schema):
    keep_alive: Serving.KeepAlive
    honour_client_timeout: bool
    stuck_grace_seconds: float
    max_queued: int
    serve_metrics: bool


class ServingChange(Schema):
    """Any: `serving.save` checks them, in the words of every door; pydantic would take "30" for 30."""

    model_config = ConfigDict(extra="forbid")

    keep_alive: Annotated[
        Any, WithJsonSchema({"type": ["string", "null"], "enum": [*Serving.KeepAlive.values, None]})
    ] = None
    honour_client_timeout: Annotated[Any, WithJsonSchema({"type": ["boolean", "null"]})] = None
    stuck_grace_seconds: Annotated[
        Any, WithJsonSchema({"type": ["number", "null"], "minimum": 0.5, "maximum": 600})
    ] = None
    max_queued: Annotated[
        Any, WithJsonSchema({"type": ["integer", "null"], "minimum": 1, "maximum": 10_000})
    ] = None
    serve_metrics: Annotated[Any, WithJsonSchema({"type": ["boolean", "null"]})] = None


@router.get("/serving", response=ServingOut, summary="How requests are treated beside their deadlines")
def get_serving(request: HttpRequest) -> Serving:
    return serving.current()


@router.put("/serving", response=ServingOut, summary="Change it; all that are named, or none")
def put_serving(request: HttpRequest, body: ServingChange) -> Serving:
    """A field that is left out or null stays as it is. The change holds from the next request on."""
    return serving.save(body.model_dump(exclude_none=True), author(request))
