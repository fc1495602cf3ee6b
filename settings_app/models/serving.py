from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q


class Serving(models.Model):
    """How requests are treated beside their deadlines. One row, made by a migration."""

    class KeepAlive(models.TextChoices):
        COMMENT = "comment", "comments, which clients ignore"
        CHUNK = "chunk", "empty deltas, for clients that ignore comments"
        OFF = "off", "nothing"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    keep_alive = models.CharField(
        "keep streams alive with",
        max_length=7,
        choices=KeepAlive,
        default=KeepAlive.COMMENT,
        help_text="What a stream is sent while its model loads or reads the prompt, so that nobody takes it for dead.",
    )
    honour_client_timeout = models.BooleanField(
        "honour the official clients' own timeout",
        default=True,
        help_text="They say how long they will wait. A whole answer later than that reaches nobody, so the work stops.",
    )
    stuck_grace_seconds = models.FloatField(
        "grace for a stuck model, in seconds",
        default=30,
        validators=[MinValueValidator(0.5), MaxValueValidator(600)],
        help_text="A model that has not let go of a request so long after its deadline is ended and started again.",
    )
    max_queued = models.PositiveIntegerField(
        "longest queue",
        default=256,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="So many requests may wait for one model; one more is told to come back later.",
    )
    serve_metrics = models.BooleanField(
        "serve /metrics for Prometheus",
        default=False,
        help_text="Open to this machine; from others with an administrator's API key. Figures, and names of models and "
        "providers; nothing that was said.",
    )

    class Meta:
        verbose_name_plural = "serving"
        constraints = [models.CheckConstraint(name="serving_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return "Serving"
