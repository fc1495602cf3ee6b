"""Which targets a request for a model goes to: the rules in their order, before anyone asks what is loaded.

Plain Python: no Django's tables, no sockets. What was decided of a name, a refusal too, is kept for the next request of
that name, until a rule, a provider or a model changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from inference.errors import ApiError, ModelNotFound, Unroutable
from settings_app import marks
from settings_app.pattern_index import PatternIndex
from settings_app.snapshot import Fallback, Provider, Rule, Snapshot

LONGEST_NAME = 500  # characters; a longer one is no model's
MOST_KEPT = 4096  # names; then the one that was not asked for longest is forgotten

Refusal = Callable[[], ApiError]
"""Makes the error anew for each request: one that is raised again would grow by a traceback each time."""


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

    @property
    def place(self) -> tuple[int | None, str]:
        """What makes two targets the same."""
        return (self.provider.id if self.provider else None), self.model


@dataclass(frozen=True)
class Decision:
    """`targets`: the first one gets the request, the others are its fallbacks in their order; never empty.

    `rule` None: no rule matched, so the name is a local model. `skipped`: what was passed over on the way, and why;
    `passed_over`: of that the rules, which would have won.
    """

    asked: str
    rule: Rule | None
    targets: tuple[Target, ...]
    skipped: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def rule_text(self) -> str:
        """As the log names the rule; the position may be another one's tomorrow."""
        return f"{self.rule.kind} {self.rule.pattern}" if self.rule else ""


def decide(asked: str, settings: Snapshot) -> Decision:
    """Raises Unroutable if all that matches is rules that cannot be followed, ModelNotFound if nothing matches."""
    global _router
    router = _router
    if router is None or not router.is_of(settings):
        router = _router = _Router(settings, router)
    return router.decide(asked)  # not `_router`: a page's thread may have put another one there


class _Rules:
    """Those that are switched on, compiled: 6 ms for a thousand."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._enabled = [rule for rule in rules if rule.enabled]
        self._index = PatternIndex([(rule.kind, rule.pattern) for rule in self._enabled])

    def matching(self, asked: str) -> Iterator[Rule]:
        """In their order."""
        return (self._enabled[number] for number in self._index.matching(asked))


class _Router:
    """The decisions that follow from one state of the settings. `before`: the one of the state before."""

    def __init__(self, settings: Snapshot, before: "_Router | None") -> None:
        self.settings = settings
        same = before is not None and before.settings.rules is settings.rules
        self._rules: _Rules = before._rules if before is not None and same else _Rules(settings.rules)
        self._kept = lru_cache(maxsize=MOST_KEPT)(self._decided)

    def is_of(self, settings: Snapshot) -> bool:
        """The parts of a snapshot stay the same objects while their rows stay as they are."""
        mine = self.settings
        return (
            mine.rules is settings.rules
            and mine.providers is settings.providers
            and mine.models is settings.models
        )

    def decide(self, asked: str) -> Decision:
        if len(asked) > LONGEST_NAME:
            raise ModelNotFound(asked, self.settings.models)
        found = self._kept(asked)
        if isinstance(found, Decision):
            return found
        raise found()

    def _decided(self, asked: str) -> Decision | Refusal:
        skipped: list[str] = []
        for rule in self._rules.matching(asked):
            problem = self._problem(rule, rule.provider_id)
            if not problem:
                over = tuple(skipped)
                return Decision(asked, rule, self._targets(asked, rule, skipped), tuple(skipped), over)
            skipped.append(f"rule {rule.position} ({rule.pattern}): {problem}")
        if skipped:
            # A cloud rule is never answered by a local model without a word.
            return partial(Unroutable, f"{asked!r} cannot be sent anywhere: {'; '.join(skipped)}.")
        if asked not in self.settings.models:
            return partial(ModelNotFound, asked, self.settings.models)
        return Decision(asked, None, (Target(asked),))

    def _targets(self, asked: str, rule: Rule, skipped: list[str]) -> tuple[Target, ...]:
        """The rule's own target, and the fallbacks that can be used; what cannot is added to `skipped`."""
        targets = [Target(rule.target_model or asked, self._provider(rule.provider_id))]
        for fallback in rule.fallbacks:
            problem = self._problem(rule, fallback.provider_id)
            target = None if problem else self._fallback(asked, fallback)
            if target is None:
                skipped.append(f"a fallback of rule {rule.position} ({rule.pattern}): {problem}")
            elif target.place not in [earlier.place for earlier in targets]:
                targets.append(target)
        return tuple(targets)

    def _fallback(self, asked: str, fallback: Fallback) -> Target:
        return Target(
            fallback.target_model or asked,
            self._provider(fallback.provider_id),
            fallback.causes,
            fallback.after_seconds,
        )

    def _provider(self, id: int | None) -> Provider | None:
        return None if id is None else self.settings.providers[id]

    def _problem(self, rule: Rule, provider_id: int | None) -> str:
        return marks.problem(rule, provider_id, self.settings.providers)


_router: _Router | None = None
