from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

MOST_DAYS = 3650


class Retention(models.Model):
    """How long the request log keeps its rows. One row, made by a migration."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    retention_days = models.PositiveIntegerField(
        "keep requests, in days",
        default=30,
        validators=[MaxValueValidator(MOST_DAYS)],
        help_text="Older ones are deleted at once, and then every day. 0: kept for ever.",
    )

    class Meta:
        verbose_name = "request log"
        verbose_name_plural = "request log"
        constraints = [models.CheckConstraint(name="retention_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return "Request log"
