"""Which targets a request for a model goes to: the rules in their order, before anyone asks what is loaded.

Plain Python: no Django, no sockets. The tester and the marks on the page come from the very functions that route.
"""

from dataclasses import dataclass

from inference.errors import ModelNotFound, Unroutable
from settings_app.snapshot import Fallback, Provider, Rule, Snapshot


@dataclass(frozen=True)
class Target:
    """`provider` None: this machine. `model`: its name there.

    A fallback has `causes`, the failures before it that lead here, and `after_seconds` as in `snapshot.Fallback`.
    """

    model: str
    provider: Provider | None = None
    causes: tuple[str, ...] = ()
    after_seconds: float | None = None

    @property
    def backend(self) -> str:
        """As the log and the answer's header name it."""
        return self.provider.name if self.provider else "local"


@dataclass(frozen=True)
class Decision:
    """`targets`: the first one gets the request, the others are its fallbacks in their order; never empty.

    `rule` None: no rule matched, so the name is a local model. `skipped`: what was passed over on the way, and why.
    """

    asked: str
    rule: Rule | None
    targets: tuple[Target, ...]
    skipped: tuple[str, ...] = ()

    @property
    def rule_text(self) -> str:
        """As the log names the rule; the position may be another one's tomorrow."""
        return f"{self.rule.kind} {self.rule.pattern}" if self.rule else ""


def decide(asked: str, settings: Snapshot) -> Decision:
    """Raises Unroutable if all that matches is a rule that cannot be followed, ModelNotFound if nothing matches."""
    skipped: list[str] = []
    for rule in settings.rules:
        if not rule.enabled or not _matches(rule, asked):
            continue
        problem = _problem(rule.provider_id, settings)
        if problem:
            skipped.append(f"rule {rule.position} ({rule.pattern}): {problem}")
            continue
        targets = [_target(asked, rule.provider_id, rule.target_model, settings)]
        for fallback in rule.fallbacks:
            problem = _problem(fallback.provider_id, settings)
            if problem:
                skipped.append(f"a fallback of rule {rule.position} ({rule.pattern}): {problem}")
            else:
                targets.append(_fallback(asked, fallback, settings))
        return Decision(asked, rule, tuple(targets), tuple(skipped))
    if skipped:
        # A cloud rule is never answered by a local model without a word.
        raise Unroutable(f"{asked[:200]!r} cannot be sent anywhere: {'; '.join(skipped)}.")
    if asked not in settings.models:
        raise ModelNotFound(asked, settings.models)
    return Decision(asked, None, (Target(asked),))


def _target(asked: str, provider_id: int | None, model: str, settings: Snapshot) -> Target:
    return Target(model or asked, None if provider_id is None else settings.providers[provider_id])


def _fallback(asked: str, fallback: Fallback, settings: Snapshot) -> Target:
    provider = None if fallback.provider_id is None else settings.providers[fallback.provider_id]
    return Target(fallback.target_model or asked, provider, fallback.causes, fallback.after_seconds)


def _problem(provider_id: int | None, settings: Snapshot) -> str:
    if provider_id is None:
        return ""
    provider = settings.providers.get(provider_id)
    if provider is None:
        return "its provider was deleted"
    return f"provider {provider.name} {provider.problem}" if provider.problem else ""


def _matches(rule: Rule, asked: str) -> bool:
    return asked == rule.pattern if rule.kind == "exact" else asked.startswith(rule.pattern)
