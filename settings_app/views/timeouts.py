from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from settings_app import figures, timeouts
from settings_app.changes import page_author
from settings_app.durations import number_text, seconds_text
from settings_app.endpoints import BY_KEY
from settings_app.forms.timeouts import TimeoutsForm
from settings_app.views import sections
from settings_app.views.staff import staff_only


@require_POST
@staff_only
def save(request: HttpRequest) -> HttpResponse:
    form = TimeoutsForm(timeouts.in_force(), request.POST)
    if form.save(page_author(request)) is None:
        return sections.answer(request, "timeouts", section(form=form), status=422)
    said = "Timeouts saved. They hold from the next request on."
    if form.to_apply:
        said = f"Timeouts saved. {_running_text(timeouts.apply_to_running(form.to_apply))}"
    return sections.answer(request, "timeouts", section(saved=said))


@require_POST
@staff_only
def reset(request: HttpRequest) -> HttpResponse:
    before = timeouts.in_force().by_field()
    after = timeouts.reset(page_author(request)).by_field()
    undo = list(before.items()) if before != after else []
    return sections.answer(request, "timeouts", section(saved="Defaults restored.", undo=undo))


@require_POST
@staff_only
def suggest(request: HttpRequest, key: str) -> HttpResponse:
    """Without scripts: the suggested value beside all that was typed. Nothing is saved."""
    seconds = figures.current()[key].suggested_seconds if key in BY_KEY else None
    if seconds is None:
        raise Http404
    typed = request.POST.copy()
    typed[BY_KEY[key].field] = number_text(seconds)
    said = f"{BY_KEY[key].label}: {seconds_text(seconds)} is filled in. It holds once you save it."
    form = TimeoutsForm(timeouts.in_force(), typed)
    return sections.answer(request, "timeouts", section(form=form, saved=said))


def _running_text(changed: int | None) -> str:
    if changed is None:
        return "No server answered, so no running request was changed."
    return f"{changed} running request{'' if changed == 1 else 's'} changed."


def section(
    *, form: TimeoutsForm | None = None, saved: str = "", undo: list[tuple[str, float]] | None = None
) -> sections.Found:
    in_force = timeouts.in_force()
    return {
        "form": form or TimeoutsForm(in_force),
        "figures": figures.current(),
        "warnings": in_force.warnings,
        "saved": saved,
        "undo": undo or [],
    }


sections.register("timeouts", lambda request: section())
