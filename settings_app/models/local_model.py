from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from settings_app import adapters


class LocalModel(models.Model):
    """A folder in mlx format on this machine, and the name under which clients ask for it."""

    class Kind(models.TextChoices):
        TEXT = "text", "text: chats and completions"
        EMBEDDING = "embedding", "embeddings"

    name = models.CharField(
        max_length=200,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9._:/-]*\Z",
                "Use letters, digits and . _ : / -, beginning with a letter or digit.",
            )
        ],
    )
    kind = models.CharField(max_length=9, choices=Kind, default=Kind.TEXT)
    path = models.CharField(max_length=1000, help_text="The folder with config.json and the weights.")
    adapter = models.CharField(
        max_length=1000,
        blank=True,
        default="",
        help_text="The folder of an adapter that mlx_lm.lora made for this model. Empty: none.",
    )
    deadline_seconds = models.FloatField(
        "longest request, in seconds",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1), MaxValueValidator(7200)],
        help_text="A limit of this model's own, beside the endpoint's; the shorter one holds. Empty: none.",
    )
    pinned = models.BooleanField(default=False, help_text="Never unloaded to make room, or for being idle.")
    preload = models.BooleanField(
        "load at start", default=False, help_text="Loaded when the server starts, before anybody asks for it."
    )
    idle_minutes = models.FloatField(
        "unload after, in minutes",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(10_080)],
        help_text="A time to live of this model's own, instead of the pool's. 0: never. Empty: the pool's.",
    )

    class Meta:
        ordering = ["name"]
        verbose_name = "model"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """An adapter is looked at when it is set: a pin does not wait for a disk that is away."""
        if not self.adapter:
            return
        folder = adapters.resolved(self.adapter)
        if self.kind != self.Kind.TEXT:
            raise ValidationError({"adapter": "Adapters are for models that make text."})
        if not type(self).objects.filter(pk=self.pk, adapter=str(folder)).exists():
            adapters.check(folder)
        self.adapter = str(folder)
