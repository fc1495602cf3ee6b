from collections.abc import Collection

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from settings_app.sizes import GB

PERCENT = (10, 95)


def gb_bounds() -> tuple[float, float]:
    """The least and the most of a limit in GB: 1 (less on a machine that has not so much), and all there is."""
    machine: float = settings.MEMORY_BYTES / GB
    return (1.0 if machine >= 1 else machine / 10), machine


def limit_words() -> str:
    """What every door says to a limit out of bounds."""
    low, high = gb_bounds()
    return (
        f"Enter {PERCENT[0]} to {PERCENT[1]} percent, or {low:.3g} to {int(high * 1000) / 1000:g} GB, "
        "which is this machine's memory."
    )


class Pool(models.Model):
    """How many models may be loaded, and how they make room for each other. One row, made by a migration."""

    class MemoryLimitMode(models.TextChoices):
        PERCENT = "percent", "percent of this machine's memory"
        GB = "gb", "GB"

    class EvictionPolicy(models.TextChoices):
        LRU = "lru", "least recently used"
        LFU = "lfu", "least frequently used"
        TTL = "ttl", "shortest time to live"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    memory_limit_mode = models.CharField(
        "memory limit in", max_length=7, choices=MemoryLimitMode, default=MemoryLimitMode.PERCENT
    )
    memory_limit_value = models.FloatField(
        "memory limit",
        default=80,
        help_text="What all loaded models may hold together: weights, caches and buffers. A lower one evicts at once.",
    )
    max_models = models.PositiveIntegerField(
        "most models at once",
        default=4,
        validators=[MinValueValidator(1), MaxValueValidator(64)],
        help_text="One more evicts one that is idle, or waits until one is.",
    )
    idle_minutes = models.FloatField(
        "unload after, in minutes",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(10_080)],
        help_text="A model that was not asked for so long is unloaded, unless it is pinned. 0: never.",
    )
    eviction_policy = models.CharField(
        "make room by unloading the",
        max_length=3,
        choices=EvictionPolicy,
        default=EvictionPolicy.LRU,
        help_text="Never one with a request in flight, and never a pinned one.",
    )
    prefill_chunk = models.PositiveIntegerField(
        "prefill chunk, in tokens",
        default=2048,
        validators=[MinValueValidator(128), MaxValueValidator(8192)],
        help_text="The most of a prompt that one step reads. A request stops between two steps: smaller stops sooner, "
        "larger reads long prompts faster.",
    )
    prompt_cache_gb = models.FloatField(
        "prompt cache for each model, in GB",
        default=1,
        validators=[MinValueValidator(0), MaxValueValidator(1024)],
        help_text="Prompts that were read are kept, so that the next turn of a chat need not start over. 0: none.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "model pool"
        constraints = [models.CheckConstraint(name="pool_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return "Model pool"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        super().clean_fields(exclude)
        if "memory_limit_value" in (exclude or ()):
            return
        low, high = PERCENT if self.memory_limit_mode == self.MemoryLimitMode.PERCENT else gb_bounds()
        if not low <= self.memory_limit_value <= high:  # NaN too
            raise ValidationError({"memory_limit_value": limit_words()})
