"""What keeps a rule from being followed: decided here for the router, which passes it over, and for all who show it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from settings_app import stored
from settings_app.shadows import Shadows
from settings_app.snapshot import Provider, Rule


@dataclass(frozen=True)
class Mark:
    """`problem`: why the rule is passed over. `shadowed_by`: the rule before it that matches every name it does.

    A rule that is switched off has neither.
    """

    problem: str = ""
    shadowed_by: Rule | None = None

    @property
    def text(self) -> str:
        """Both in words; empty if the rule can win."""
        said = [f"Passed over: {self.problem}."] if self.problem else []
        if self.shadowed_by is not None:
            said.append(
                f"Rule {self.shadowed_by.position} ({self.shadowed_by.pattern}) matches all that it does."
            )
        return " ".join(said)


Rules = tuple[Rule, ...]
Providers = Mapping[int, Provider]
Marks = Mapping[int, Mark]

_kept: tuple[Rules, Providers, Marks] | None = None


def now() -> Marks:
    """By rule, as things are stored."""
    settings = stored.load()
    return of(settings.rules, settings.providers)


def now_of(rule_id: int) -> Mark:
    """Of one rule, without working out what shadows the others."""
    settings = stored.load()
    enabled = [rule for rule in settings.rules if rule.enabled]
    number = next((number for number, rule in enumerate(enabled) if rule.id == rule_id), None)
    return Mark() if number is None else _marks(enabled, settings.providers, [number])[0]


def of(rules: Rules, providers: Providers) -> Marks:
    """By rule. Made once for the same two objects: a thousand rules take 60 ms."""
    global _kept
    kept = _kept
    if kept is None or kept[0] is not rules or kept[1] is not providers:
        kept = _kept = (rules, providers, _made(rules, providers))
    return kept[2]


def problem(rule: Rule, provider_id: int | None, providers: Providers) -> str:
    """Why a request that the rule matches cannot be sent to this provider (None: this machine); empty if it can."""
    if provider_id is None:
        return ""
    if rule.local_only:
        return "it never leaves this machine, and names a provider"
    provider = providers.get(provider_id)
    if provider is None:
        return "its provider was deleted"
    return f"provider {provider.name} {provider.problem}" if provider.problem else ""


def _made(rules: Rules, providers: Providers) -> Marks:
    enabled = [rule for rule in rules if rule.enabled]
    marks = _marks(enabled, providers, range(len(enabled)))
    return {**{rule.id: Mark() for rule in rules}, **dict(zip((r.id for r in enabled), marks, strict=True))}


def _marks(enabled: Sequence[Rule], providers: Providers, numbers: Iterable[int]) -> list[Mark]:
    problems = [problem(rule, rule.provider_id, providers) for rule in enabled]
    shadows = Shadows([(rule.kind, rule.pattern) for rule in enabled], [not said for said in problems])
    found = [(problems[number], shadows.of(number)) for number in numbers]
    return [Mark(said, None if shadow is None else enabled[shadow]) for said, shadow in found]
