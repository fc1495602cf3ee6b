"""A routing rule as it is typed: its own fields, and its fallbacks as rows that are added, removed and raised.

The forms refuse nothing that another door refuses: the rule itself does, and its words are put beside their fields.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import QueryDict

from settings_app import rules, stored
from settings_app.changes import Author
from settings_app.durations import number_text
from settings_app.fallbacks import CAUSES, MOST, FallbackError
from settings_app.models import Rule

HERE = "This machine"
CAUSE_LABELS = {"error": "fails", "overload": "is overloaded", "timeout": "does not begin in time"}
NOT_A_POSITION = {"invalid": "Enter a whole number.", "min_value": "The first position is 1."}
FIELDS = ("pattern", "kind", "provider", "target_model", "fallbacks", "local_only", "enabled")
Choices = list[tuple[str, str]]


class RuleForm(forms.Form):
    kind = forms.ChoiceField(label="A model whose name", choices=Rule.Kind.choices)
    pattern = forms.CharField(required=False)
    provider = forms.ChoiceField(label="Send to", required=False)
    target_model = forms.CharField(label="Model there", required=False)
    local_only = forms.BooleanField(label="Never leaves this machine", required=False)
    enabled = forms.BooleanField(
        label="Enabled", required=False, widget=forms.CheckboxInput(attrs={"role": "switch"})
    )
    position = forms.IntegerField(
        min_value=1,
        required=False,
        error_messages=NOT_A_POSITION,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, providers: Choices, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("pattern", "target_model", "local_only"):
            self.fields[name].help_text = str(getattr(Rule._meta.get_field(name), "help_text", ""))
        self.fields["enabled"].help_text = "A rule that is off is passed over as if it were not there."
        self.fields["position"].help_text = "Its place in the order. Empty: the last."
        self.fields["provider"].choices = providers  # type: ignore[attr-defined]


class FallbackForm(forms.Form):
    provider = forms.ChoiceField(label="Send to", required=False)
    target_model = forms.CharField(
        label="Model there", required=False, help_text="Empty: the name asked for."
    )
    causes = forms.MultipleChoiceField(
        label="When the one before it",
        required=False,
        choices=[(cause, CAUSE_LABELS[cause]) for cause in CAUSES],
        widget=forms.CheckboxSelectMultiple,
    )
    after_seconds = forms.CharField(
        label="Seconds to begin",
        required=False,
        help_text="For the last of these causes. Empty: half of the time that is left.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )

    def __init__(self, providers: Choices, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = providers  # type: ignore[attr-defined]

    def value(self) -> dict[str, Any]:
        """As it is stored; what is no number stays what was typed, for the refusal."""
        typed = self.cleaned_data
        return {
            "provider": _number(typed.get("provider", "")),
            "target_model": typed.get("target_model", ""),
            "causes": typed.get("causes", []),
            "after_seconds": _seconds(typed.get("after_seconds", "")),
        }


class RuleEditor:
    """`form` and `rows` as a page shows them. `rule` is as it is stored, or new."""

    def __init__(self, rule: Rule, data: QueryDict | None = None) -> None:
        self.rule = rule
        self.is_new = rule.pk is None
        self._providers = provider_choices(rule)
        stored_values = {name: _stored(rule, name) for name in FIELDS}
        if data is None:
            self.seen = json.dumps({**stored_values, "position": None if self.is_new else rule.position})
            typed = {**stored_values, "position": "" if self.is_new else rule.position}
            self.form = RuleForm(self._providers, initial={**typed, "provider": _choice(rule.provider_id)})
            self.rows = [self._row(number, _typed(entry)) for number, entry in enumerate(rule.fallbacks)]
        else:
            self.seen = data.get("seen", "")
            self.form = RuleForm(self._providers, data)
            self.rows = [self._row(number, _read(data, number)) for number in range(_count(data))]

    @property
    def full(self) -> bool:
        return len(self.rows) >= MOST

    @property
    def switches(self) -> list[forms.BoundField]:
        return [self.form["local_only"], self.form["enabled"]]

    def press(self, button: str) -> None:
        """`add`, `remove-N` or `raise-N`: the rows as they are then, with all that was typed."""
        what, _, which = button.partition("-")
        number = int(which) if which.isdecimal() and int(which) < len(self.rows) else None
        entries = [_entry(row) for row in self.rows]
        if what == "add" and not self.full:
            entries.append({"causes": list(CAUSES)})
        elif what == "remove" and number is not None:
            del entries[number]
        elif what == "raise" and number:
            entries.insert(number - 1, entries.pop(number))
        self.rows = [self._row(number, entry) for number, entry in enumerate(entries)]

    def save(self, author: Author) -> Rule | None:
        """Stores what was changed since the page was made. None, with errors at their fields, if it is refused."""
        if not all([self.form.is_valid(), *(row.is_valid() for row in self.rows)]):
            return None
        try:
            values = self._values()
            return rules.create(values, author) if self.is_new else rules.change(self.rule, values, author)
        except ValidationError as error:
            self._say(error)
            return None

    def _values(self) -> dict[str, Any]:
        typed = {name: self.form.cleaned_data[name] for name in (*FIELDS, "position") if name != "fallbacks"}
        values = {
            **typed,
            "provider": _number(typed["provider"]),
            "fallbacks": [row.value() for row in self.rows],
        }
        try:
            seen = dict(json.loads(self.seen))
        except (TypeError, ValueError):  # somebody's own form
            return values
        return {name: value for name, value in values.items() if self.is_new or seen.get(name, ...) != value}

    def _say(self, error: ValidationError) -> None:
        by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
        for field, errors in by_field.items():
            for said in errors:
                if isinstance(said, FallbackError) and said.number <= len(self.rows):
                    text = said.said[:1].upper() + said.said[1:]
                    self.rows[said.number - 1].add_error(said.field or None, text)
                else:
                    self.form.add_error(field if field in self.form.fields else None, said)

    def _row(self, number: int, entry: Mapping[str, Any]) -> FallbackForm:
        prefix = f"fallback-{number}"
        data = {f"{prefix}-{name}": value for name, value in entry.items()}
        return FallbackForm(self._providers, data, prefix=prefix)


def provider_choices(rule: Rule) -> Choices:
    """This machine, every provider, and those that the rule names and nobody has any more."""
    known = stored.load().providers
    found = [("", HERE)]
    for provider in sorted(known.values(), key=lambda provider: provider.name.lower()):
        problem = f" ({provider.problem})" if provider.problem else ""
        found.append((str(provider.id), f"{provider.name}{problem}"))
    named = {rule.provider_id, *(entry.get("provider") for entry in rule.fallbacks)} - {None, *known}
    return found + [(str(id), f"Provider {id} (was deleted)") for id in sorted(filter(None, named))]


def _stored(rule: Rule, name: str) -> object:
    return rule.provider_id if name == "provider" else getattr(rule, name)


def _choice(provider_id: int | None) -> str:
    return "" if provider_id is None else str(provider_id)


def _number(choice: str) -> int | None:
    return int(choice) if choice else None


def _seconds(typed: str) -> float | str | None:
    try:
        return float(typed) if typed else None
    except ValueError:
        return typed


def _typed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A stored fallback as a person would type it."""
    seconds = entry.get("after_seconds")
    return {
        "provider": _choice(entry.get("provider")),
        "target_model": entry.get("target_model", ""),
        "causes": entry.get("causes", []),
        "after_seconds": "" if seconds is None else number_text(seconds),
    }


def _entry(row: FallbackForm) -> dict[str, Any]:
    return {name: row[name].value() for name in row.fields}


def _read(data: QueryDict, number: int) -> dict[str, Any]:
    prefix = f"fallback-{number}"
    single = {
        name: data.get(f"{prefix}-{name}", "") for name in ("provider", "target_model", "after_seconds")
    }
    return {**single, "causes": data.getlist(f"{prefix}-causes")}


def _count(data: QueryDict) -> int:
    said = data.get("fallbacks", "")
    return min(int(said), MOST) if said.isdecimal() and len(said) < 4 else 0
