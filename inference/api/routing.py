"""POST /api/settings/rules/test: what the router would do with a name, said by the router itself."""

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StrictStr

from inference import routing
from inference.errors import ApiError
from inference.routing import Decision, Target
from settings_app import stored
from settings_app.snapshot import Snapshot

router = Router(tags=["Routing rules"])


class Asked(Schema):
    model_config = ConfigDict(extra="forbid")

    model: StrictStr


class RuleOut(Schema):
    id: int
    position: int
    kind: str
    pattern: str


class TargetOut(Schema):
    backend: str = Field(description="local, or the provider's name.")
    provider: int | None
    model: str = Field(description="Its name there.")
    causes: list[str] = Field(description="Of a fallback: the failures before it that lead here.")
    after_seconds: float | None
    problem: str = Field(description="Why it would fail as things are; empty if nothing is known against it.")


class DecisionOut(Schema):
    model: str
    rule: RuleOut | None = Field(description="Null: no rule matched, so the name is a local model.")
    targets: list[TargetOut]
    skipped: list[str] = Field(description="Rules and fallbacks that were passed over, and why.")
    refused: str = Field(description="What a request would be told instead; empty if it has a target.")
    status: int = Field(description="The status of that refusal; 200 if there is none.")


@router.post("/rules/test", response=DecisionOut, summary="Where a request for a model would go")
def test_rules(request: HttpRequest, body: Asked) -> dict[str, object]:
    """Nothing is sent anywhere."""
    settings = stored.load()
    try:
        decision = routing.decide(body.model, settings)
    except ApiError as error:
        nothing: dict[str, object] = {"rule": None, "targets": [], "skipped": []}
        return {"model": body.model, **nothing, "refused": error.message, "status": error.status}
    return {"model": body.model, **_said(decision, settings), "refused": "", "status": 200}


def _said(decision: Decision, settings: Snapshot) -> dict[str, object]:
    return {
        "rule": decision.rule,
        "targets": [_target(target, settings) for target in decision.targets],
        "skipped": list(decision.skipped),
    }


def _target(target: Target, settings: Snapshot) -> dict[str, object]:
    missing = target.provider is None and target.model not in settings.models
    return {
        "backend": target.backend,
        "provider": target.provider.id if target.provider else None,
        "model": target.model,
        "causes": list(target.causes),
        "after_seconds": target.after_seconds,
        "problem": "There is no such model on this machine." if missing else "",
    }
