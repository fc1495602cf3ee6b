from django.db import models


class ApiKey(models.Model):
    """A bearer key for `/v1`, and for `/api` if `is_admin`. Only its SHA-256 is kept."""

    name = models.CharField(
        max_length=80,
        unique=True,
        help_text="Who or what uses it.",
        error_messages={
            "unique": "There is a key of this name already. Choose another, or revoke that one.",
            "blank": "Give the key a name.",
        },
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    is_admin = models.BooleanField(
        "administrator", default=False, help_text="May also read and change settings through /api."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name
