"""The part of the page Models that lives, what is asked in its dialog, and what is said when something was done."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from inference.pages.fetches import fetches
from inference.pages.model_rows import rows


def found(**more: object) -> dict[str, Any]:
    """Downloads, and models on the disk. `signature` is another one when more than progress has changed."""
    running, models = fetches(), rows()
    seen = [
        *((fetch.download.id, fetch.download.state, fetch.download.problem) for fetch in running),
        *(
            (
                r.key,
                r.name,
                r.state,
                r.note if r.state != "ready" else "",
                r.pinned,
                r.adapter,
                r.about,
                r.model.facts.fault,
            )
            for r in models
        ),
    ]
    signature = hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]
    total = sum(model.facts.size_bytes for model in {row.model.id: row.model for row in models}.values())
    return {"fetches": running, "rows": models, "signature": signature, "total_bytes": total, **more}


def ask(request: HttpRequest, what: str, question: dict[str, object], status: int = 200) -> HttpResponse:
    """A question: in the dialog for htmx, else on a page of its own."""
    context = {"form_template": f"models/{what}.html", **question}
    if not getattr(request, "htmx", False):
        return render(request, "models/ask.html", context, status=status)
    response = render(request, f"models/{what}.html", {**context, "in_dialog": True}, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = "#modal", "innerHTML"
    return response


def do(request: HttpRequest, act: Callable[[], str]) -> HttpResponse:
    """What was done is said, or why it was refused."""
    try:
        return done(request, act())
    except ValidationError as error:
        return done(request, " ".join(error.messages), refused=True)


def done(request: HttpRequest, said: str, *, refused: bool = False) -> HttpResponse:
    if getattr(request, "htmx", False):
        return render(request, "models/here.html", found(said=said, refused=refused))
    (messages.error if refused else messages.success)(request, said)
    return redirect("models")
