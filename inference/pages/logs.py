"""The section Request Logs of the settings page: filters, figures, the requests, an export, and how long it is kept."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from inference.request_log import request_log
from settings_app.durations import ms_text
from settings_app.forms.logs import LogFilterForm
from settings_app.forms.retention import RetentionForm
from settings_app.logs import export, figures, retention, rows
from settings_app.logs.rows import Place
from settings_app.models import RequestLog
from settings_app.phases import Phase
from settings_app.views import sections
from settings_app.views.log_rows import WORDS, Row
from settings_app.views.staff import staff_only

SAVED = "Saved. What is older is deleted now."


@require_safe
@staff_only
def show(request: HttpRequest) -> HttpResponse:
    """What is filtered; `cursor`: from there on."""
    found = section(request.GET)
    return sections.answer(request, "logs", found, 200 if found["form"].is_valid() else 422)


@require_safe
@staff_only
def detail(request: HttpRequest, request_id: str) -> HttpResponse:
    row = Row(get_object_or_404(RequestLog, request_id=request_id))
    template = "logs/request_box.html" if getattr(request, "htmx", False) else "logs/request.html"
    return render(request, template, {"row": row})


@require_POST
@staff_only
def keep(request: HttpRequest) -> HttpResponse:
    """Its address has the filters of the page, which stay."""
    form = RetentionForm(request.POST, instance=retention.current())
    if not sections.saved(form, request):
        return sections.answer(request, "logs", {**section(request.GET), "retention": form}, status=422)
    if getattr(request, "htmx", False):
        return sections.answer(request, "logs", {**section(request.GET), "saved": SAVED})
    messages.success(request, SAVED)
    query = request.GET.urlencode()
    return redirect(f"{reverse('settings-logs')}?{query}#logs" if query else "settings")


def section(asked: QueryDict) -> dict[str, Any]:
    form = LogFilterForm({name: asked.get(name, "") for name in LogFilterForm.base_fields}, auto_id="logs-%s")
    form.offer(rows.values("backend"), rows.values("api_key"))
    found = {
        "form": form,
        "models": rows.values("model"),
        "retention": RetentionForm(instance=retention.current()),
        "dropped": request_log.dropped,
        "formats": list(export.FORMATS),
        "phases": list(Phase),
    }
    return {**found, **_filtered(form, asked)} if form.is_valid() else found


def _filtered(form: LogFilterForm, asked: QueryDict) -> dict[str, Any]:
    last = rows.last_id()  # before the rows are read: what comes in between is sent by the live view
    filters, before = form.filters(), _place(asked.get("cursor", ""))
    found = rows.newest(filters, before=before)
    query = urlencode({name: value for name in form.fields if (value := asked.get(name))})
    is_all = before is None and found.older is None
    over = figures.of_all(found.rows) if is_all else figures.figures(filters)
    return {
        "rows": [Row(row) for row in found.rows],
        "is_cut": found.is_cut,
        "older": found.older and str(found.older),
        "looked_back_to": found.older and found.older.at,
        "is_first": before is None,
        "query": query,
        "last": last,
        "figures": over,
        "by_status": [(WORDS[RequestLog.Status(status)], count) for status, count in over.by_status.items()],
        "p50": ms_text(over.p50_ms) if over.p50_ms is not None else "",
        "p95": ms_text(over.p95_ms) if over.p95_ms is not None else "",
        "now": timezone.now(),
    }


def _place(cursor: str) -> Place | None:
    """From a link of this page; another one begins at the top."""
    try:
        return Place.read(cursor) if cursor else None
    except ValidationError:
        return None


sections.register("logs", lambda request: section(QueryDict()))
