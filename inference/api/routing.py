"""POST /api/settings/rules/test: what the router would do with a name, said by the router itself."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StrictStr

from inference.trial import Trial, trial

router = Router(tags=["Routing rules"])


class AskedName(Schema):
    model_config = ConfigDict(extra="forbid")

    model: Annotated[StrictStr, Field(min_length=1)]


class MatchedRule(Schema):
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
    rule: MatchedRule | None = Field(description="Null: no rule matched, so the name is a local model.")
    targets: list[TargetOut]
    skipped: list[str] = Field(description="Rules and fallbacks that were passed over, and why.")
    refused: str = Field(description="What a request would be told instead; empty if it has a target.")
    status: int = Field(description="The status of that refusal; 200 if there is none.")


@router.post("/rules/test", response=DecisionOut, summary="Where a request for a model would go")
def test_rules(request: HttpRequest, body: AskedName) -> Trial:
    """Nothing is sent anywhere."""
    return trial(body.model)
