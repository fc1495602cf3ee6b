"""What a request for a name would meet, as the router itself decides it: for the page, the API and the command."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference import routing
from inference.errors import ApiError
from inference.routing import Decision, Target
from settings_app import stored
from settings_app.rule_words import causes_text, place_text
from settings_app.snapshot import Rule, Snapshot


@dataclass(frozen=True)
class TriedTarget:
    """`backend`: local, or the provider's name; `model`: its name there. `problem`: why it would fail as things are."""

    backend: str
    provider: int | None
    model: str
    causes: Sequence[str]
    after_seconds: float | None
    problem: str

    @property
    def place(self) -> str:
        return place_text(None if self.provider is None else self.backend)

    @property
    def when(self) -> str:
        """Of a fallback: after which failures it is asked."""
        return causes_text(self.causes, self.after_seconds) if self.causes else ""


@dataclass(frozen=True)
class Trial:
    """`rule` None: none matched. `skipped`: what was passed over, and why. `refused`: what a request is told then."""

    model: str
    rule: Rule | None
    targets: Sequence[TriedTarget]
    skipped: Sequence[str]
    refused: str = ""
    status: int = 200


def trial(model: str) -> Trial:
    """With the settings as they are stored. Nothing is sent anywhere."""
    settings = stored.load()
    try:
        decision = routing.decide(model, settings)
    except ApiError as error:
        return Trial(model, None, (), (), error.message, error.status)
    return _of(decision, settings)


def _of(decision: Decision, settings: Snapshot) -> Trial:
    targets = [_target(target, settings) for target in decision.targets]
    return Trial(decision.asked, decision.rule, targets, decision.skipped)


def _target(target: Target, settings: Snapshot) -> TriedTarget:
    missing = target.provider is None and target.model not in settings.models
    return TriedTarget(
        backend=target.backend,
        provider=target.provider.id if target.provider else None,
        model=target.model,
        causes=target.causes,
        after_seconds=target.after_seconds,
        problem="There is no such model on this machine." if missing else "",
    )
