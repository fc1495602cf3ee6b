"""/api/models/hub and /api/models/downloads: what the hub has, and what is fetched from it."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, NinjaAPI, Router, Schema, Status
from pydantic import ConfigDict, StrictStr

from inference.hub import catalogue, downloads
from inference.hub.catalogue import Found, HubError
from inference.hub.downloads import Shown
from settings_app.api.auth import author
from settings_app.api.errors import refusal

router = Router(tags=["Models"])
AWAY = {"responses": {502: refusal("The hub cannot be asked.")}}


class FoundOut(Schema):
    repo: str
    downloads: int = Field(description="In the last 30 days.")
    licence: str
    gated: bool = Field(description="Its owner grants access; the server needs HF_TOKEN.")
    size_bytes: int | None = Field(description="Of its weights; null if the hub does not say.")
    task: str


class DownloadOut(Schema):
    id: int
    repo: str
    state: str = Field(description="waiting, running, paused, failed, cancelled or done.")
    done_bytes: int
    total_bytes: int
    bytes_per_second: float
    seconds_left: float | None
    serve_as: str
    problem: str = Field(description="Why it failed, or what else is to be said of it.")


class DownloadPage(Schema):
    downloads: list[DownloadOut]
    next_after: int | None


class NewDownload(Schema):
    model_config = ConfigDict(extra="forbid")

    repo: StrictStr = Field(description="owner/name at the hub.")
    serve_as: StrictStr | None = Field(
        None,
        description="The name that clients ask for. Left out: the repository's. Empty: it is not served.",
    )


def add_handler(api: NinjaAPI) -> None:
    """A hub that cannot be asked is a 502 with the reason."""

    def unreachable(request: HttpRequest, error: Any) -> Any:
        return api.create_response(request, {"detail": str(error)}, status=502)

    api.add_exception_handler(HubError, unreachable)


@router.get(
    "/models/hub", response=list[FoundOut], summary="Search the hub for models for mlx", openapi_extra=AWAY
)
def search(request: HttpRequest, search: str = "") -> list[Found]:
    return catalogue.search(search)


@router.get(
    "/models/downloads", response=DownloadPage, summary="Downloads, and how far they are, the oldest first"
)
def get_downloads(
    request: HttpRequest, after: int = 0, limit: Annotated[int, Field(ge=1, le=500)] = 100
) -> dict[str, object]:
    """Those that are not over, and those that ended in the last day. `after`: the `next_after` of the page before."""
    found = downloads.listing(after=after, most=limit + 1)
    return {"downloads": found[:limit], "next_after": found[limit - 1].id if len(found) > limit else None}


@router.post(
    "/models/downloads", response={201: DownloadOut}, summary="Fetch a model from the hub", openapi_extra=AWAY
)
def post_download(request: HttpRequest, body: NewDownload) -> Status[Shown]:
    """It runs in the background, and goes on after a restart of the server."""
    return Status(201, downloads.shown(downloads.begin(body.repo, body.serve_as, author(request))))


@router.post("/models/downloads/{download_id}/pause", response=DownloadOut, summary="Stop for now")
def pause(request: HttpRequest, download_id: int) -> Shown:
    return downloads.shown(downloads.pause(download_id))


@router.post(
    "/models/downloads/{download_id}/resume", response=DownloadOut, summary="Go on from what is here"
)
def resume(request: HttpRequest, download_id: int) -> Shown:
    return downloads.shown(downloads.resume(download_id))


@router.post(
    "/models/downloads/{download_id}/cancel", response=DownloadOut, summary="Stop, and remove what is here"
)
def cancel(request: HttpRequest, download_id: int) -> Shown:
    return downloads.shown(downloads.cancel(download_id))
