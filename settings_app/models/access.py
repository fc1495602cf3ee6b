from django.db import models
from django.db.models import Q


class Access(models.Model):
    """Who may come in. One row, made by a migration."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    require_key_on_loopback = models.BooleanField(
        "require a key on this machine too",
        default=False,
        help_text="Without it, requests to /v1 from this machine itself need no API key.",
    )

    class Meta:
        verbose_name_plural = "access"
        constraints = [models.CheckConstraint(name="access_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return "Access"
