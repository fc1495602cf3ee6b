"""Django admin as one more door: it validates and writes through the same functions as the others."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from settings_app import changes, marks, providers, rules, timeouts
from settings_app.changes import admin_author
from settings_app.endpoints import BY_KEY
from settings_app.forms.pool import PoolForm
from settings_app.forms.providers import SETTINGS, ProviderForm
from settings_app.forms.retention import RetentionForm
from settings_app.forms.rule_admin import RuleAdminForm
from settings_app.forms.serving import ServingForm
from settings_app.marks import Mark
from settings_app.models import (
    Access,
    ApiKey,
    Change,
    LocalModel,
    Pool,
    Provider,
    Retention,
    Rule,
    Serving,
    Timeout,
)
from settings_app.models.timeout import NOT_SECONDS


class SettingAdmin(admin.ModelAdmin[Any]):
    """Saves and deletes through `changes`, so that the history knows."""

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm[Any], change: bool) -> None:
        changes.save(obj, admin_author(request))

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        changes.delete(obj, admin_author(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            changes.delete(obj, admin_author(request))


class FixedRowsAdmin(SettingAdmin):
    """For tables whose rows are made by a migration: they are edited, never added or deleted."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class TimeoutAdminForm(ModelForm[Timeout]):
    apply_to_running = forms.BooleanField(label="Also apply to running requests", required=False)


def _apply_to_running(request: HttpRequest, field: str) -> None:
    changed = timeouts.apply_to_running([field])
    said = "No server answered." if changed is None else f"Running requests changed: {changed}."
    messages.info(request, said)


@admin.register(Timeout)
class TimeoutAdmin(FixedRowsAdmin):
    list_display = ["label", "path", "seconds"]
    form = TimeoutAdminForm
    fields = ["seconds", "apply_to_running"]

    @admin.display(description="endpoint")
    def label(self, row: Timeout) -> str:
        return BY_KEY[row.endpoint].label

    @admin.display(description="path")
    def path(self, row: Timeout) -> str:
        return BY_KEY[row.endpoint].path

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.cleaned_data["apply_to_running"]:
            # Admin saves in a transaction, and an order in it is seen by nobody else until that is over.
            field = BY_KEY[obj.endpoint].field
            transaction.on_commit(lambda: _apply_to_running(request, field))

    def get_form(
        self, request: HttpRequest, obj: Timeout | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["error_messages"] = {"seconds": {"invalid": NOT_SECONDS, "required": NOT_SECONDS}}
        if obj:
            endpoint = BY_KEY[obj.endpoint]
            kwargs["help_texts"] = {"seconds": f"{endpoint.help} {endpoint.bounds_text}"}
        return super().get_form(request, obj, change, **kwargs)


@admin.register(Access)
class AccessAdmin(FixedRowsAdmin):
    list_display = ["__str__", "require_key_on_loopback"]


@admin.register(Serving)
class ServingAdmin(FixedRowsAdmin):
    form = ServingForm
    list_display = [
        "__str__",
        "keep_alive",
        "honour_client_timeout",
        "stuck_grace_seconds",
        "max_queued",
        "serve_metrics",
    ]


@admin.register(Pool)
class PoolAdmin(FixedRowsAdmin):
    form = PoolForm
    list_display = ["__str__", "memory_limit_value", "memory_limit_mode", "max_models", "eviction_policy"]


@admin.register(Retention)
class RetentionAdmin(FixedRowsAdmin):
    form = RetentionForm
    list_display = ["__str__", "retention_days"]


@admin.register(LocalModel)
class LocalModelAdmin(SettingAdmin):
    list_display = ["name", "path", "adapter", "pinned", "preload", "idle_minutes"]
    fields = ["name", "kind", "path", "adapter", "deadline_seconds", "pinned", "preload", "idle_minutes"]
    search_fields = ["name"]


@admin.register(Provider)
class ProviderAdmin(SettingAdmin):
    """The key goes in by a password field and is shown nowhere."""

    form = ProviderForm
    list_display = ["name", "protocol", "base_url", "key", "enabled", "test_said"]
    fields = [*SETTINGS, "api_key", "remove_key"]
    search_fields = ["name", "base_url"]

    @admin.display(description="API key")
    def key(self, provider: Provider) -> str:
        problem = providers.opened(provider.sealed_key)[1]
        return problem or (f"…{provider.key_last4}" if provider.key_last4 else "stored")

    @method_decorator(sensitive_post_parameters("api_key"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        stored = obj is not None and obj.sealed_key
        return [field for field in self.fields or () if stored or field != "remove_key"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        author, values = admin_author(request), form.values()
        obj.pk = (providers.change(obj.pk, values, author) if change else providers.create(values, author)).pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        providers.delete(obj, admin_author(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for provider in queryset:
            providers.delete(provider, admin_author(request))


@admin.register(Rule)
class RuleAdmin(SettingAdmin):
    form = RuleAdminForm
    fields = ["goes_to", "pattern", "kind", "provider", "target_model", "fallbacks", "local_only", "enabled"]
    list_display = ["position", "pattern", "kind", "provider_id", "target_model", "enabled", "never_followed"]
    list_display_links = ["pattern"]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        found = super().get_changelist_instance(request)
        known = marks.now()
        for row in found.result_list:
            row.mark = known.get(row.pk, Mark())
        return found

    @admin.display(description="never followed")
    def never_followed(self, row: Any) -> str:
        return row.mark.text or "-"

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """Only what was changed here: another door may have changed the rest since the form was read."""
        assert isinstance(form, RuleAdminForm)
        author = admin_author(request)
        values = form.changed_values()
        if change:
            rules.change(obj, values, author)
        else:
            rules.add(obj, author, position=values.get("position"))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        rules.delete(obj, admin_author(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for rule in queryset:
            rules.delete(rule, admin_author(request))


@admin.register(ApiKey)
class ApiKeyAdmin(SettingAdmin):
    """Keys are made on the page or by the command, which show them once; here they are renamed and revoked."""

    list_display = ["name", "last4", "is_admin", "created_at"]
    readonly_fields = ["last4", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Change)
class ChangeAdmin(admin.ModelAdmin[Change]):
    list_display = ["at", "who", "door", "label", "field", "old", "new"]
    list_filter = ["door", "table"]
    search_fields = ["who", "label"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        return False
