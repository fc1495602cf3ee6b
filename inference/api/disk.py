"""/api/models/disk: what lies on the disk, whether it is served or not."""

from typing import Annotated

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict, StrictStr

from inference.disk import naming, removal, scan
from inference.disk.scan import OnDisk
from settings_app.api.auth import author

router = Router(tags=["Models"])


class OnDiskOut(Schema):
    id: str
    title: str = Field(description="The repository at the hub, or the folder's name.")
    folder: str
    origin: str = Field(description="models (the server's folder), cache (the hub's), or elsewhere.")
    size_bytes: int
    kind: str
    quantisation: str
    context_tokens: int | None
    licence: str
    fault: str = Field(description="Why it cannot be served; empty if it can.")
    served_as: list[str]


class OnDiskPage(Schema):
    models: list[OnDiskOut]
    next_after: str | None


class Name(Schema):
    model_config = ConfigDict(extra="forbid")

    name: StrictStr = Field(description="The name that clients ask for.")


class Freed(Schema):
    freed_bytes: int


@router.get("/models/disk", response=OnDiskPage, summary="Models on the disk, served or not, by title")
def get_disk(
    request: HttpRequest, after: str = "", limit: Annotated[int, Field(ge=1, le=500)] = 100
) -> dict[str, object]:
    """`after`: the `next_after` of the page that was read last."""
    found, next_after = scan.page(after=after, limit=limit)
    return {"models": [_described(model) for model in found], "next_after": next_after}


@router.post("/models/disk/{disk_id}/serve", response={201: OnDiskOut}, summary="Serve it under a name")
def serve(request: HttpRequest, disk_id: str, body: Name) -> Status[dict[str, object]]:
    naming.serve(_found(disk_id), body.name, author(request))
    return Status(201, _described(_found(disk_id)))


@router.delete("/models/disk/{disk_id}", response=Freed, summary="Remove it from the disk")
def delete(request: HttpRequest, disk_id: str) -> dict[str, int]:
    """It is served no more. Refused while it is loaded, and for what lies outside the server's folders."""
    return {"freed_bytes": removal.remove(_found(disk_id), author(request))}


def _found(disk_id: str) -> OnDisk:
    model = scan.find(disk_id)
    if model is None:
        raise Http404(f"There is no model {disk_id} on the disk.")
    return model


def _described(model: OnDisk) -> dict[str, object]:
    facts = model.facts
    return {
        "id": model.id,
        "title": model.title,
        "folder": str(model.folder),
        "origin": model.origin.value,
        "size_bytes": facts.size_bytes,
        "kind": facts.kind,
        "quantisation": facts.quantisation,
        "context_tokens": facts.context_tokens,
        "licence": facts.licence,
        "fault": facts.fault,
        "served_as": list(model.served_as),
    }
