"""GET /health/live and /health/ready, for whoever watches over the process."""

from django.http import HttpRequest, HttpResponse

from inference import running
from inference.pool import pool

STUCK_SECONDS = 2.0  # an honest step is over by then, or the grace decides


async def live(request: HttpRequest) -> HttpResponse:
    """The process serves."""
    return _plain("ok")


async def ready(request: HttpRequest) -> HttpResponse:
    """Whether a request would be served now; 503 and why, if not."""
    said = reasons()
    return _plain("; ".join(said), 503) if said else _plain("ok")


def reasons() -> list[str]:
    """Why not; none if it would. On the event loop."""
    found = [
        f"model {runner.name} has not let go of a request for {runner.stuck_seconds():.0f} s"
        for runner in pool
        if runner.stuck_seconds() > STUCK_SECONDS
    ]
    if running.is_draining():
        found.append("the server is stopping")
    return found


def _plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain")
