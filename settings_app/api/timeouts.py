from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StrictBool, WithJsonSchema, create_model

from settings_app import timeouts
from settings_app.api.auth import author
from settings_app.endpoints import ENDPOINTS, Endpoint

router = Router(tags=["Request timeouts"])


def _described(endpoint: Endpoint, kind: str | list[str]) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": kind,
            "minimum": endpoint.min_seconds,
            "maximum": endpoint.highest_seconds,
            "title": f"{endpoint.label}, seconds",
            "description": endpoint.help,
        }
    )


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")

    apply_to_running: StrictBool = Field(
        False, description="Also give the requests that run now the deadlines that are stored then."
    )


class _Changed(Schema):
    running_changed: int = Field(
        0, description="How many running requests were changed, if that was asked for."
    )


_out: dict[str, Any] = {e.field: (Annotated[float, _described(e, "number")], ...) for e in ENDPOINTS}
# Any: `timeouts.save` checks them, in the words of every door; pydantic's numbers would take `true` and "60".
_in: dict[str, Any] = {e.field: (Annotated[Any, _described(e, ["number", "null"])], None) for e in ENDPOINTS}
Timeouts: type[Schema] = create_model("Timeouts", __base__=Schema, **_out)
TimeoutsChanged: type[Schema] = create_model("TimeoutsChanged", __base__=_Changed, **_out)
TimeoutsChange: type[Schema] = create_model("TimeoutsChange", __base__=_Strict, **_in)


@router.get("/timeouts", response=Timeouts, summary="The deadlines in force, in seconds")
def get_timeouts(request: HttpRequest) -> dict[str, float]:
    return timeouts.in_force().by_field()


@router.put(
    "/timeouts",
    response=TimeoutsChanged,
    exclude_unset=True,
    summary="Change deadlines; all that are named, or none",
)
def put_timeouts(request: HttpRequest, body: TimeoutsChange) -> dict[str, float]:  # type: ignore[valid-type]
    """A field that is left out or null stays as it is. The change holds from the next request on."""
    values: dict[str, object] = body.model_dump(exclude_none=True)  # type: ignore[attr-defined]
    also_running = values.pop("apply_to_running")
    in_force = timeouts.save(values, author(request)).by_field()
    if not also_running:
        return in_force
    return {**in_force, "running_changed": timeouts.apply_to_running(values or in_force) or 0}
