from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, create_model

from settings_app import timeouts
from settings_app.api.auth import author
from settings_app.endpoints import ENDPOINTS, Endpoint

router = Router(tags=["Request timeouts"])


def _seconds(value: object) -> float:
    """The same check and words as every other door; pydantic's own numbers would take `true` and "60"."""
    try:
        return timeouts.clean_seconds(value)
    except ValidationError as error:
        raise ValueError(error.messages[0]) from error


def _described(endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    return {
        "type": "number",
        "minimum": endpoint.min_seconds,
        "maximum": endpoint.highest_seconds,
        "title": f"{endpoint.label}, seconds",
        "description": endpoint.help,
        **more,
    }


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


TimeoutsOut: Any = create_model(
    "Timeouts",
    __base__=Schema,
    **{e.field: (Annotated[float, WithJsonSchema(_described(e))], ...) for e in ENDPOINTS},
)
TimeoutsIn: Any = create_model(
    "TimeoutsChange",
    __base__=_Strict,
    **{
        e.field: (
            Annotated[
                float | None,
                PlainValidator(lambda value: None if value is None else _seconds(value)),
                WithJsonSchema(_described(e, type=["number", "null"])),
            ],
            Field(default=None),
        )
        for e in ENDPOINTS
    },
)


@router.get("/timeouts", response=TimeoutsOut, summary="The deadlines in force, in seconds")
def get_timeouts(request: HttpRequest) -> dict[str, float]:
    return timeouts.in_force().by_field()


@router.put("/timeouts", response=TimeoutsOut, summary="Change deadlines; all that are named, or none")
def put_timeouts(request: HttpRequest, body: TimeoutsIn) -> dict[str, float]:  # type: ignore[valid-type]
    """A field that is left out or null stays as it is. The change holds from the next request on."""
    values = body.model_dump(exclude_none=True)  # type: ignore[attr-defined]
    return timeouts.save(values, author(request)).by_field()
