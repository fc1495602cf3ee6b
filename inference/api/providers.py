"""POST /api/settings/providers/{id}/test: whether a provider can be reached, asked by the client that traffic uses."""

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from inference.cloud import trial

router = Router(tags=["Cloud providers"])


class CheckedOut(Schema):
    passed: bool
    said: str = Field(description="What was found, in one line.")
    ms: float = Field(description="How long it took.")


@router.post(
    "/providers/{provider_id}/test", response=CheckedOut, summary="Test the connection to a provider"
)
def test_provider(request: HttpRequest, provider_id: int) -> dict[str, object]:
    """It is stored beside the provider as `test_…`. Takes up to 10 s, and the provider need not be switched on."""
    _, checked = trial.run(provider_id)
    return {"passed": checked.passed, "said": checked.said, "ms": round(checked.seconds * 1000, 1)}
