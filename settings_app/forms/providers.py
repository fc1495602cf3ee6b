from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from settings_app import providers
from settings_app.models import Provider

SETTINGS = ("name", "protocol", "base_url", "allow_private", "enabled")


class ProviderForm(forms.ModelForm[Provider]):
    """A provider on the page and in the admin. It tells what was changed (`values`); `providers` stores it.

    The key goes in and never comes out: the field is empty whenever it is shown, after a refusal too.
    """

    api_key = forms.CharField(
        label="API key",
        required=False,
        help_text="Encrypted when it is stored, and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    remove_key = forms.BooleanField(label="Remove the stored key", required=False)

    class Meta:
        model = Provider
        fields = SETTINGS
        widgets = {"base_url": forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"})}
        error_messages = {
            "name": {"required": "Give the provider a name."},
            "base_url": {"required": "Enter the URL, like https://api.example.com/v1."},
        }

    def __init__(self, data: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        for name in SETTINGS:  # what the form showed: only what this person changed is saved
            field = self.fields[name]
            field.show_hidden_initial = bool(self.instance.pk) and (data is None or f"initial-{name}" in data)
        if not self.instance.sealed_key:
            del self.fields["remove_key"]
        else:
            self.fields["api_key"].help_text = _stored_text(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        entered, remove = cleaned.get("api_key"), cleaned.get("remove_key")
        if entered and remove:
            raise ValidationError({"api_key": "Enter another key, or remove the stored one; not both."})
        self.instance.entered_key = "" if remove else entered or None
        return cleaned

    def values(self) -> dict[str, Any]:
        """What `providers.create` or `providers.change` is to store, once the form is valid."""
        values = {name: self.cleaned_data[name] for name in SETTINGS if name in self.changed_data}
        if not self.instance.pk:
            values = {name: self.cleaned_data[name] for name in SETTINGS}
        if self.instance.entered_key is not None:
            values["api_key"] = self.instance.entered_key
        return values


def _stored_text(provider: Provider) -> str:
    if providers.opened(provider.sealed_key)[1]:
        return "A key is stored, and cannot be decrypted: enter it again."
    which = f"A key is stored, …{provider.key_last4}." if provider.key_last4 else "A key is stored."
    return f"{which} Leave this empty to keep it."
