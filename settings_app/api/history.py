from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from settings_app import history
from settings_app.api.auth import author
from settings_app.models import Change

router = Router(tags=["History"])


class ChangeOut(Schema):
    id: int
    at: datetime
    who: str
    door: str
    label: str
    field: str
    field_label: str
    old: Any
    new: Any

    @staticmethod
    def resolve_field_label(change: Change) -> str:
        return history.field_label(change)


class Reverted(ChangeOut):
    note: str = Field(description="What is to be known besides, as that a provider is back without its key.")

    @staticmethod
    def resolve_note(change: Change) -> str:
        return history.note(change)


class ChangePage(Schema):
    changes: list[ChangeOut]
    next_before: int | None


@router.get("/history", response=ChangePage, summary="Changes of settings, newest first")
def get_history(
    request: HttpRequest, before: int | None = None, limit: Annotated[int, Field(ge=1, le=500)] = 50
) -> dict[str, object]:
    """`before`: the `next_before` of the page that was read last."""
    changes, next_before = history.page(before=before, limit=limit)
    return {"changes": changes, "next_before": next_before}


@router.post("/history/{change_id}/revert", response=Reverted, summary="Put the old value back")
def revert(request: HttpRequest, change_id: int) -> Change:
    return history.revert(change_id, author(request))
