from django.core.validators import RegexValidator
from django.db import models


class Provider(models.Model):
    """A cloud service that answers for models which are not on this machine.

    `sealed_key` is its API key, encrypted (`settings_app/sealing.py`); no door gives it out. What a test of the
    connection found stands beside it and is no setting.
    """

    class Protocol(models.TextChoices):
        OPENAI = "openai", "OpenAI: /chat/completions"
        ANTHROPIC = "anthropic", "Anthropic: /v1/messages"

    name = models.CharField(
        max_length=80,
        unique=True,
        validators=[RegexValidator(r"\A\S(.*\S)?\Z", "Leave out spaces at the beginning and the end.")],
        help_text="Several of a kind may be there under different names.",
        error_messages={
            "unique": "There is a provider of this name already. Choose another.",
            "blank": "Give the provider a name.",
        },
    )
    protocol = models.CharField(max_length=9, choices=Protocol, default=Protocol.OPENAI)
    base_url = models.CharField(
        "base URL", max_length=500, help_text="Up to the version, like https://api.example.com/v1."
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

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
