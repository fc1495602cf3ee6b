"""The section Model Routing Rules: the list, and the form for one rule, which takes its place meanwhile."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from settings_app import history, rules
from settings_app.changes import page_author
from settings_app.forms.rules import RuleEditor
from settings_app.models import Change, Rule
from settings_app.rule_rows import listing, page_of
from settings_app.views import sections
from settings_app.views.staff import staff_only

GONE = "That rule is not there any more. Below are the rules as they are now."
HOLDS = "It holds from the next request on."


@require_safe
@staff_only
def index(request: HttpRequest) -> HttpResponse:
    return sections.answer(request, "rules", section(request))


@staff_only
def edit(request: HttpRequest, rule_id: int | None = None) -> HttpResponse:
    """GET asks, POST stores; a button for the rows of fallbacks stores nothing."""
    rule = Rule() if rule_id is None else Rule.objects.filter(pk=rule_id).first()
    if rule is None:
        return _refused(request, GONE)
    if request.method != "POST":
        return _editor(request, RuleEditor(rule))
    editor = RuleEditor(rule, request.POST)
    if pressed := request.POST.get("press", ""):
        editor.press(pressed)
        return _editor(request, editor, pressed=pressed)
    stored = editor.save(page_author(request))
    if stored is None:
        return _editor(request, editor, status=422)
    return _answer(request, f"“{stored.pattern}” is saved as rule {stored.position}. {HOLDS}", showing=stored)


@require_POST
@staff_only
def switch(request: HttpRequest, rule_id: int) -> HttpResponse:
    rule = Rule.objects.filter(pk=rule_id).first()
    if rule is None:
        return _refused(request, GONE)
    on = request.POST.get("enabled") == "on"
    try:
        rule = rules.change(rule, {"enabled": on}, page_author(request))
    except ValidationError as error:
        return _refused(request, " ".join(error.messages), showing=rule)
    said = f"“{rule.pattern}” is on from the next request on." if on else f"“{rule.pattern}” is off. {HOLDS}"
    return _answer(request, said, showing=rule)


@require_POST
@staff_only
def move(request: HttpRequest, rule_id: int) -> HttpResponse:
    """`before` or `after`: the rule that it goes beside."""
    rule = Rule.objects.filter(pk=rule_id).first()
    if rule is None:
        return _refused(request, GONE)
    beside = {name: _id(request.POST.get(name, "")) for name in ("before", "after")}
    try:
        rule = rules.move(rule, page_author(request), **beside)
    except ValidationError as error:
        return _refused(request, " ".join(error.messages), showing=rule)
    said = f"“{rule.pattern}” is rule {rule.position} of {Rule.objects.count()} now."
    return _answer(request, said, showing=rule, moved="up" if beside["after"] is None else "down")


@staff_only
def delete(request: HttpRequest, rule_id: int) -> HttpResponse:
    """GET asks, POST does."""
    rule = Rule.objects.filter(pk=rule_id).first()
    if rule is None:
        return _refused(request, GONE)
    if request.method != "POST":
        return _ask(request, rule)
    rules.delete(rule, page_author(request))
    undo = Change.objects.filter(table="rule", row=str(rule_id), field="", new__isnull=True).latest("id")
    said = f"“{rule.pattern}” is deleted. {HOLDS}"
    return _answer(request, said, page=page_of(rule.position), undo=undo.pk)


@require_POST
@staff_only
def undo(request: HttpRequest, change_id: int) -> HttpResponse:
    """Puts a deleted rule back, as the history would."""
    try:
        change = history.revert(_deletion(change_id).pk, page_author(request))
    except (Http404, ValidationError) as error:
        said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        return _refused(request, said)
    rule = Rule.objects.get(pk=change.row)
    return _answer(request, f"“{rule.pattern}” is back as rule {rule.position}. {HOLDS}", showing=rule)


def section(
    request: HttpRequest, *, page: int | None = None, showing: Rule | None = None, **more: Any
) -> sections.Found:
    if page is None:
        page = _id(request.GET.get("rules", "")) or 1
    shown = showing.pk if showing else None
    return {"list": listing(page, showing=showing), "shown": shown, **more}


def _deletion(change_id: int) -> Change:
    change = Change.objects.filter(pk=change_id, table="rule", field="").first()
    if change is None:
        raise Http404("There is no such deletion of a rule.")
    return change


def _id(said: str) -> int | None:
    return int(said) if said.isdecimal() and len(said) < 19 else None


def _answer(request: HttpRequest, said: str, **more: Any) -> HttpResponse:
    response = sections.answer(request, "rules", section(request, saved=said, **more))
    response["HX-Trigger"] = "rules-changed"  # a decision that is shown beside is made again
    return response


def _refused(request: HttpRequest, said: str, **more: Any) -> HttpResponse:
    return sections.answer(request, "rules", section(request, refused=said, **more), status=422)


def _ask(request: HttpRequest, rule: Rule) -> HttpResponse:
    template = "rules/delete_form.html" if getattr(request, "htmx", False) else "rules/delete.html"
    return render(request, template, {"rule": rule})


def _editor(request: HttpRequest, editor: RuleEditor, status: int = 200, pressed: str = "") -> HttpResponse:
    template = "rules/edit_form.html" if getattr(request, "htmx", False) else "rules/edit.html"
    page = 1 if editor.is_new else page_of(editor.rule.position)
    return render(request, template, {"editor": editor, "pressed": pressed, "page": page}, status=status)


sections.register("rules", section)
