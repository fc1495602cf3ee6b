import math

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from settings_app.endpoints import BY_KEY, ENDPOINTS

NOT_SECONDS = "Enter a number of seconds, like 900."


def validate_finite(value: float) -> None:
    if not math.isfinite(value):
        raise ValidationError(NOT_SECONDS, code="invalid")


class Timeout(models.Model):
    """The stored deadline of one endpoint.

    The database holds what no setting can change: a known endpoint, a number above 0 and not above the
    highest. The lowest depends on `MLX_MANAGER_TIMEOUT_FLOOR`, so `clean` looks at it.
    """

    endpoint = models.CharField(
        max_length=20, primary_key=True, editable=False, choices=[(e.key, e.label) for e in ENDPOINTS]
    )
    seconds = models.FloatField(validators=[validate_finite], error_messages={"invalid": NOT_SECONDS})

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="timeout_in_bounds",
                condition=Q(
                    *(Q(endpoint=e.key, seconds__lte=e.highest_seconds) for e in ENDPOINTS), _connector=Q.OR
                )
                & Q(seconds__gt=0),
                violation_error_message="The endpoint is unknown, or its seconds are out of bounds.",
            )
        ]

    def __str__(self) -> str:
        return f"{BY_KEY[self.endpoint].label} timeout" if self.endpoint in BY_KEY else self.endpoint

    def clean(self) -> None:
        endpoint = BY_KEY.get(self.endpoint)
        if endpoint is None or self.seconds is None or not math.isfinite(self.seconds):
            return  # said by the field's own validators
        if not endpoint.accepts(self.seconds):
            raise ValidationError({"seconds": endpoint.bounds_text})
