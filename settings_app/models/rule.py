from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import models

from settings_app import fallbacks, patterns
from settings_app.models.provider import Provider


class Rule(models.Model):
    """Sends the models whose name matches somewhere. Rules are tried by position; the first that matches wins.

    `provider` is null for this machine. It is no constraint of the database: when a provider is deleted its rules
    stay, are marked and skipped, and never fall back to a local model without a word.

    `fallbacks` is a list of {"provider": id or null, "target_model": "", "causes": ["error", "overload", "timeout"],
    "after_seconds": number or null}, in the order in which they are tried.
    """

    class Kind(models.TextChoices):
        EXACT = "exact", "is exactly"
        PREFIX = "prefix", "begins with"
        GLOB = "glob", "matches the glob"
        REGEX = "regex", "matches the regular expression"

    position = models.PositiveIntegerField(editable=False)  # 1, 2, 3 …
    pattern = models.CharField(max_length=500, help_text="What the model's name is compared with, all of it.")
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.EXACT)
    provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        help_text="Empty: a model on this machine.",
        error_messages={"invalid": "There is no such provider."},
    )
    target_model = models.CharField(
        "model there",
        max_length=200,
        blank=True,
        default="",
        help_text="Its name where the request is sent. Empty: the name that was asked for.",
    )
    fallbacks = models.JSONField(default=list, blank=True)
    local_only = models.BooleanField(
        "never leaves this machine",
        default=False,
        help_text="Refuses a cloud provider as target and as fallback.",
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pattern}"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """A provider that was deleted since it was named is marked, and no reason to refuse another change."""
        stored = self._stored_providers()
        kept = {"provider"} if self.provider_id in stored[:1] else set()
        super().clean_fields(exclude={*(exclude or ()), *kept})

    def clean(self) -> None:
        errors: dict[str, list[ValidationError]] = {}
        try:
            if self.kind in self.Kind.values:
                patterns.matcher(self.kind, self.pattern)
        except ValidationError as error:
            errors["pattern"] = error.error_list
        try:
            kept = [id for id in self._stored_providers() if id is not None]
            self.fallbacks = fallbacks.clean(self.fallbacks, local_only=self.local_only, kept=kept)
        except ValidationError as error:
            errors["fallbacks"] = error.error_list
        if self.local_only and self.provider_id is not None:
            said = "This rule never leaves this machine, so it can name no provider."
            errors["provider"] = [ValidationError(said)]
        if errors:
            raise ValidationError(errors)

    def _stored_providers(self) -> list[int | None]:
        """Those that the rule names as it is stored, its own target's first; none of a rule that is not stored."""
        if self.pk is None:
            return []
        rows = type(self)._default_manager.filter(pk=self.pk).values_list("provider_id", "fallbacks")
        return [id for own, cascade in rows for id in (own, *fallbacks.providers(cascade))]
