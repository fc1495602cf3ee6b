import re
from typing import ClassVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from settings_app import addresses, sealing

NOT_A_KEY = "Enter the key as the provider shows it: letters, digits and signs, without spaces, at most 2000."
NAME = r"\A[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z"  # it stands in a header of each answer
LOCAL = "local"  # how the log and the answer's header call this machine


class Provider(models.Model):
    """A cloud service that answers for models which are not on this machine.

    `sealed_key` is its API key, encrypted (`settings_app/sealing.py`); no door gives it out. `entered_key` is one that
    came through a door and is not sealed yet: None keeps what is stored, "" removes it. What a test of the connection
    found stands beside it and is no setting.
    """

    UNRECORDED: ClassVar = ("key_last4", "tested_at", "test_passed", "test_said", "test_ms")

    class Protocol(models.TextChoices):
        OPENAI = "openai", "OpenAI: /chat/completions"
        ANTHROPIC = "anthropic", "Anthropic: /v1/messages"

    name = models.CharField(
        max_length=80,
        unique=True,
        validators=[RegexValidator(NAME, "Leave out spaces at the beginning and the end, and line breaks.")],
        help_text="Several of a kind may be there under different names.",
        error_messages={
            "unique": "There is a provider of this name already. Choose another.",
            "blank": "Give the provider a name.",
        },
    )
    protocol = models.CharField(max_length=9, choices=Protocol, default=Protocol.OPENAI)
    base_url = models.CharField(
        "base URL",
        max_length=500,
        help_text="Up to the version, like https://api.example.com/v1.",
        error_messages={"blank": "Enter the URL, like https://api.example.com/v1."},
    )
    sealed_key = models.TextField("API key", blank=True, default="", editable=False)
    key_last4 = models.CharField("last four of the key", max_length=4, blank=True, default="", editable=False)
    allow_private = models.BooleanField(
        "may be on a private address",
        default=False,
        help_text="For a server in your own network or on this machine, where http is allowed too.",
    )
    enabled = models.BooleanField(default=True)
    tested_at = models.DateTimeField(null=True, editable=False)
    test_passed = models.BooleanField(null=True, editable=False)
    test_said = models.CharField(max_length=300, blank=True, default="", editable=False)
    test_ms = models.FloatField(null=True, editable=False)

    entered_key: str | None = None

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        errors = {"name": self._name_problem(), "base_url": self._clean_base_url()}
        errors["api_key"] = self._key_problem(moved=bool(self.base_url) and not errors["base_url"])
        if any(errors.values()):
            raise ValidationError({field: said for field, said in errors.items() if said})

    def _name_problem(self) -> str:
        return f"“{self.name}” is this machine. Choose another name." if self.name.lower() == LOCAL else ""

    def _clean_base_url(self) -> str:
        if not self.base_url:
            return ""  # said by the field itself
        try:
            self.base_url = addresses.clean_base_url(self.base_url, allow_private=bool(self.allow_private))
        except ValidationError as error:
            return " ".join(error.messages)
        return ""

    def _key_problem(self, *, moved: bool) -> str:
        """Why the key cannot be taken, or cannot stay. `moved`: the URL can be compared with the one that is stored."""
        if self.entered_key is None:
            return self._stays_where_it_was() if moved else ""
        if not self.entered_key:
            return ""
        self.entered_key = self.entered_key.strip()
        if not re.fullmatch(r"[!-~]{1,2000}", self.entered_key):
            return NOT_A_KEY
        return sealing.problem() or self._lost_keys()

    def _stays_where_it_was(self) -> str:
        """A key is sent to the host that it was entered for, whoever may change the URL, or put an old one back."""
        stored = Provider.objects.filter(pk=self.pk).exclude(sealed_key="").first()
        if (
            stored is None
            or self.sealed_key != stored.sealed_key
            or origin(stored.base_url) == origin(self.base_url)
        ):
            return ""
        return (
            f"The stored key is for {origin(stored.base_url)} and is not sent to another host. "
            "Enter the key for this one, or remove it."
        )

    def _lost_keys(self) -> str:
        """A new file is made by entering again a key that was sealed with the lost one; not without a word."""
        if sealing.exists() or self.sealed_key:
            return ""
        names = Provider.objects.exclude(sealed_key="").values_list("name", flat=True)[:3]
        if not names:
            return ""
        return (
            f"{sealing.path()} is missing, so stored keys cannot be read. Restore it from a backup; or, if it is lost, "
            f"enter the key of {' or '.join(names)} again first, which makes a new file."
        )


def origin(url: str) -> str:
    """Scheme, host and port of a URL that was validated."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
