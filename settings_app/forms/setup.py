from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User


class AdministratorForm(BaseUserCreationForm[User]):
    """A name and a password, twice, held to the same rules as any other account."""

    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ("username",)
        help_texts = {"username": "Letters, digits and @ . + - _ only."}
