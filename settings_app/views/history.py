from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from settings_app import history
from settings_app.changes import page_author
from settings_app.views.staff import staff_only

PAGE_ROWS = 50


@require_safe
@staff_only
def history_page(request: HttpRequest) -> HttpResponse:
    before = request.GET.get("before", "")
    changes, next_before = history.page(
        before=int(before) if before.isdecimal() and len(before) < 19 else None, limit=PAGE_ROWS
    )
    rows = [{"change": change, "revertable": history.can_revert(change)} for change in changes]
    return render(request, "history.html", {"rows": rows, "next_before": next_before})


@require_POST
@staff_only
def revert(request: HttpRequest, change_id: int) -> HttpResponse:
    try:
        change = history.revert(change_id, page_author(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        value = history.value_text(change.new, change.field)
        said = f"{change.label}: {history.field_label(change)} is {value} again. {history.note(change)}"
        messages.success(request, said.strip())
    return redirect("history")
