from typing import Any

from django import forms

from settings_app.forms.rules import NOT_A_POSITION, provider_choices
from settings_app.models import Provider, Rule


class RuleAdminForm(forms.ModelForm[Rule]):
    """As the admin makes it, but for the provider: one that was deleted stays chosen until another one is."""

    provider = forms.ChoiceField(required=False, help_text=str(Rule._meta.get_field("provider").help_text))
    goes_to = forms.IntegerField(
        label="Position",
        min_value=1,
        required=False,
        error_messages=NOT_A_POSITION,
        help_text="Empty: the last.",
    )

    class Meta:
        model = Rule
        fields = ("pattern", "kind", "provider", "target_model", "fallbacks", "local_only", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider"].choices = provider_choices(self.instance)  # type: ignore[attr-defined]
        self.initial["provider"] = "" if self.instance.provider_id is None else str(self.instance.provider_id)
        self.initial["goes_to"] = self.instance.position

    def clean_provider(self) -> Provider | None:
        chosen: str = self.cleaned_data["provider"]
        return (Provider.objects.filter(pk=chosen).first() or Provider(pk=int(chosen))) if chosen else None

    def changed_values(self) -> dict[str, Any]:
        """As `rules.change` takes them."""
        names = {"provider": "provider_id"}
        values = {
            name: getattr(self.instance, names.get(name, name))
            for name in self.changed_data
            if name != "goes_to"
        }
        return (
            {**values, "position": self.cleaned_data["goes_to"]} if "goes_to" in self.changed_data else values
        )
