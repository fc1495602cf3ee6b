from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr

from settings_app import rules
from settings_app.api.auth import author
from settings_app.models import Rule

router = Router(tags=["Routing rules"])

Kind = Literal["exact", "prefix", "glob", "regex"]
Position = Annotated[StrictInt, Field(ge=1)]


class FallbackOut(Schema):
    provider: int | None = Field(description="Null: this machine.")
    target_model: str = Field(description="Its name there; empty: the name that was asked for.")
    causes: list[Literal["error", "overload", "timeout"]]
    after_seconds: float | None = Field(
        description="How long the target before has to begin its answer, with the cause timeout; null: half of what "
        "is left of the deadline."
    )


class RuleOut(Schema):
    id: int
    position: int
    pattern: str
    kind: Kind
    provider: int | None = Field(None, alias="provider_id", description="Null: this machine.")
    target_model: str
    fallbacks: list[FallbackOut]
    local_only: bool
    enabled: bool


class RuleChange(Schema):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    pattern: StrictStr = ""
    kind: Kind = "exact"
    provider: StrictInt | None = None
    target_model: StrictStr = ""
    fallbacks: list[dict[str, Any]] = []
    local_only: StrictBool = False
    enabled: StrictBool = True
    position: Position = 1


class NewRule(RuleChange):
    pattern: StrictStr
    position: Position = Field(1, description="Left out: the last.")


class Page(Schema):
    rules: list[RuleOut]
    next_after: int | None


class Order(Schema):
    model_config = ConfigDict(extra="forbid")

    order: list[StrictInt] = Field(description="The id of every rule, in their new order.")


@router.get(
    "/rules", response=Page, by_alias=False, summary="The rules in their order; the first that matches wins"
)
def get_rules(
    request: HttpRequest, after: int = 0, limit: Annotated[int, Field(ge=1, le=1000)] = 100
) -> dict[str, object]:
    """`after`: the `next_after` of the page that was read last."""
    found = list(Rule.objects.filter(position__gt=after)[: limit + 1])
    more = len(found) > limit
    return {"rules": found[:limit], "next_after": found[limit - 1].position if more else None}


@router.post("/rules", response={201: RuleOut}, by_alias=False, summary="Add a rule")
def post_rule(request: HttpRequest, body: NewRule) -> Status[Rule]:
    """It holds from the next request on."""
    return Status(201, rules.create(body.model_dump(exclude_unset=True), author(request)))


@router.put("/rules/order", response=Page, by_alias=False, summary="Put the rules into another order")
def put_order(request: HttpRequest, body: Order) -> dict[str, object]:
    rules.order(body.order, author(request))
    return {"rules": list(Rule.objects.all()), "next_after": None}


@router.patch("/rules/{rule_id}", response=RuleOut, by_alias=False, summary="Change a rule")
def patch_rule(request: HttpRequest, rule_id: int, body: RuleChange) -> Rule:
    rule = get_object_or_404(Rule, pk=rule_id)
    return rules.change(rule, body.model_dump(exclude_unset=True), author(request))


@router.delete("/rules/{rule_id}", response={204: None}, summary="Delete a rule")
def delete_rule(request: HttpRequest, rule_id: int) -> Status[None]:
    rules.delete(get_object_or_404(Rule, pk=rule_id), author(request))
    return Status(204, None)
