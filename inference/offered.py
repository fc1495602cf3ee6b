"""The names that clients are told of: the models of this machine, and what exact rules add or send elsewhere."""

from inference import routing
from inference.errors import ModelNotFound, Unroutable
from inference.routing import Decision, Target
from settings_app.models import Rule
from settings_app.snapshot import Snapshot


def all_offered(settings: Snapshot) -> list[Decision]:
    """By name, what a request would get now; a name that would get nothing is left out.

    Other rules than exact ones stand for names that nobody can list.
    """
    exact = (rule.pattern for rule in settings.rules if rule.enabled and rule.kind == Rule.Kind.EXACT)
    names = sorted({*settings.models, *exact})
    decisions = (_decided(name, settings) for name in names)
    return [decision for decision in decisions if decision is not None]


def offered(name: str, settings: Snapshot) -> Decision:
    """What a request for this name would get, whichever rule it follows. Raises ModelNotFound and Unroutable."""
    if not name:
        raise ModelNotFound(name, settings.models)
    decision = routing.decide(name, settings)
    if not _is_there(decision.targets[0], settings):
        raise ModelNotFound(decision.targets[0].model, settings.models)
    return decision


def _decided(name: str, settings: Snapshot) -> Decision | None:
    try:
        return offered(name, settings)
    except (ModelNotFound, Unroutable):
        return None


def _is_there(target: Target, settings: Snapshot) -> bool:
    return target.provider is not None or target.model in settings.models
