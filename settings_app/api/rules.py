from collections.abc import Iterable
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr

from settings_app import marks, rules
from settings_app.api.auth import author
from settings_app.marks import Mark
from settings_app.models import Rule

router = Router(tags=["Routing rules"])

Kind = Literal["exact", "prefix", "glob", "regex"]
STORED = (
    "id",
    "position",
    "pattern",
    "kind",
    "provider_id",
    "target_model",
    "fallbacks",
    "local_only",
    "enabled",
)
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
    problem: str = Field("", description="Why it is passed over as things are; empty if it is followed.")
    shadowed_by: int | None = Field(
        None,
        description="The id of a rule before it that matches every name it does, so that it never wins; null: none "
        "is known.",
    )


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


class RulePage(Schema):
    rules: list[RuleOut]
    next_after: int | None


class Order(Schema):
    model_config = ConfigDict(extra="forbid")

    order: list[StrictInt] = Field(description="The id of every rule, in their new order.")
    was: list[StrictInt] | None = Field(
        None,
        description="The order that this one was made from: refused if it is another one by now. Left out: any.",
    )


class Move(Schema):
    """One of the two: the id of the rule beside which it goes."""

    model_config = ConfigDict(extra="forbid")

    before: StrictInt | None = None
    after: StrictInt | None = None


@router.get(
    "/rules",
    response=RulePage,
    by_alias=False,
    summary="The rules in their order; the first that matches wins",
)
def get_rules(
    request: HttpRequest, after: int = 0, limit: Annotated[int, Field(ge=1, le=1000)] = 100
) -> dict[str, object]:
    """`after`: the `next_after` of the page that was read last."""
    found = list(Rule.objects.filter(position__gt=after)[: limit + 1])
    more = len(found) > limit
    return {"rules": _marked(found[:limit]), "next_after": found[limit - 1].position if more else None}


@router.post("/rules", response={201: RuleOut}, by_alias=False, summary="Add a rule")
def post_rule(request: HttpRequest, body: NewRule) -> Status[dict[str, object]]:
    """It holds from the next request on."""
    return Status(201, _out(rules.create(body.model_dump(exclude_unset=True), author(request))))


@router.put("/rules/order", response=RulePage, by_alias=False, summary="Put the rules into another order")
def put_order(request: HttpRequest, body: Order) -> dict[str, object]:
    """To move one rule, `POST /rules/{id}/move` is safe beside other moves without naming them all."""
    rules.order(body.order, author(request), was=body.was)
    return {"rules": _marked(Rule.objects.all()), "next_after": None}


@router.post("/rules/{rule_id}/move", response=RuleOut, by_alias=False, summary="Move a rule beside another")
def post_move(request: HttpRequest, rule_id: int, body: Move) -> dict[str, object]:
    rule = get_object_or_404(Rule, pk=rule_id)
    return _out(rules.move(rule, author(request), before=body.before, after=body.after))


@router.patch("/rules/{rule_id}", response=RuleOut, by_alias=False, summary="Change a rule")
def patch_rule(request: HttpRequest, rule_id: int, body: RuleChange) -> dict[str, object]:
    rule = get_object_or_404(Rule, pk=rule_id)
    return _out(rules.change(rule, body.model_dump(exclude_unset=True), author(request)))


@router.delete("/rules/{rule_id}", response={204: None}, summary="Delete a rule")
def delete_rule(request: HttpRequest, rule_id: int) -> Status[None]:
    rules.delete(get_object_or_404(Rule, pk=rule_id), author(request))
    return Status(204, None)


def _out(rule: Rule) -> dict[str, object]:
    return _described(rule, marks.now_of(rule.pk))


def _marked(found: Iterable[Rule]) -> list[dict[str, object]]:
    known = marks.now()
    return [_described(rule, known.get(rule.pk, Mark())) for rule in found]


def _described(rule: Rule, mark: Mark) -> dict[str, object]:
    shadow = mark.shadowed_by.id if mark.shadowed_by else None
    return {**{name: getattr(rule, name) for name in STORED}, "problem": mark.problem, "shadowed_by": shadow}
