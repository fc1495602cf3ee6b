"""The routing rules as the page lists them: so many at a time, in words, with their marks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from settings_app import marks, snapshot, stored
from settings_app.marks import Mark
from settings_app.models import Rule
from settings_app.rule_words import KINDS, causes_text, place_text
from settings_app.snapshot import Fallback, Provider

PAGE_ROWS = 50


@dataclass(frozen=True)
class Aim:
    """Where a rule or one of its fallbacks sends a request. `when`: after which failures. `problem`: why it cannot."""

    model: str
    place: str
    when: str
    problem: str


@dataclass(frozen=True)
class Row:
    """`above`, `below`: the rules next to it, on whatever page they are; None at the ends."""

    rule: snapshot.Rule
    kind: str
    aim: Aim
    fallbacks: Sequence[Aim]
    mark: Mark
    above: int | None
    below: int | None


@dataclass(frozen=True)
class Listing:
    """Page `number` of `pages`, from 1; `first` and `last` are positions."""

    rows: Sequence[Row]
    total: int
    number: int
    pages: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE_ROWS + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def listing(number: int = 1, *, showing: Rule | None = None) -> Listing:
    """That page, or the last if there are not so many; or the one that `showing` stands on."""
    settings = stored.load()
    found = settings.rules
    if showing is not None:
        at = next((at for at, rule in enumerate(found) if rule.id == showing.pk), 0)
        number = page_of(at + 1)
    pages = max(1, -(-len(found) // PAGE_ROWS))
    number = min(max(number, 1), pages)
    known = marks.of(settings.rules, settings.providers)
    begin = (number - 1) * PAGE_ROWS
    rows = [
        _row(found, at, known[found[at].id], settings.providers)
        for at in range(begin, min(begin + PAGE_ROWS, len(found)))
    ]
    return Listing(rows, len(found), number, pages)


def page_of(position: int) -> int:
    return (position - 1) // PAGE_ROWS + 1


def _row(found: Sequence[snapshot.Rule], at: int, mark: Mark, providers: Mapping[int, Provider]) -> Row:
    rule = found[at]
    return Row(
        rule=rule,
        kind=KINDS.get(rule.kind, rule.kind),
        aim=Aim(rule.target_model, _place(rule.provider_id, providers), "", ""),
        fallbacks=[_fallback(rule, fallback, providers) for fallback in rule.fallbacks],
        mark=mark,
        above=found[at - 1].id if at else None,
        below=found[at + 1].id if at + 1 < len(found) else None,
    )


def _fallback(rule: snapshot.Rule, fallback: Fallback, providers: Mapping[int, Provider]) -> Aim:
    return Aim(
        fallback.target_model,
        _place(fallback.provider_id, providers),
        causes_text(fallback.causes, fallback.after_seconds),
        marks.problem(rule, fallback.provider_id, providers),
    )


def _place(provider_id: int | None, providers: Mapping[int, Provider]) -> str:
    if provider_id is None:
        return place_text(None)
    provider = providers.get(provider_id)
    return place_text(provider.name if provider else f"provider {provider_id}, which was deleted")
