from django import forms

from settings_app.models import Access, ApiKey


class ApiKeyForm(forms.ModelForm[ApiKey]):
    class Meta:
        model = ApiKey
        fields = ("name", "is_admin")
        labels = {"is_admin": "Administrator"}
        error_messages = {
            "name": {
                "required": "Give the key a name, so that you know later what uses it.",
                "unique": "A key with this name exists already. Choose another name.",
            }
        }


class AccessForm(forms.ModelForm[Access]):
    class Meta:
        model = Access
        fields = ("require_key_on_loopback",)
