"""Try it: a chat with a model. With scripts the page asks /v1 itself, and streams; without, this asks for it."""

import json
from typing import Any

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from inference import front
from settings_app.endpoints import BY_KEY
from settings_app.models import LocalModel, RequestLog, Rule
from settings_app.views.staff import staff_only

PLAIN_MAX_TOKENS = 512  # without scripts nobody can stop it, and the page comes when it is whole
NO_TEXT = (
    "The answer has no text: the model has ended while it was thinking, or what it says is not for this page, like a "
    "call of a tool."
)
PASSED_ON = (
    "HTTP_HOST",
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_FORWARDED",
)

Message = dict[str, str]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """POST is for browsers without scripts: the whole chat so far comes with it, and the answer is added."""
    if request.method != "POST":
        return _render(request, request.GET.get("model", ""), [])
    model, said = request.POST.get("model", ""), request.POST.get("message", "").strip()
    history = _history(request.POST.get("history", ""))
    if not said:
        return _render(request, model, history, error="Write a message first.", status=422)
    asked = [*history, {"role": "user", "content": said}]
    answer, error = async_to_sync(_ask)(request, model, asked)
    if error:
        return _render(request, model, history, error=error, message=said, status=422)
    return _render(request, model, [*asked, {"role": "assistant", "content": answer}])


@never_cache
@require_safe
@staff_only
def figures(request: HttpRequest, request_id: str) -> JsonResponse:
    """What the request log says of one answer; its row is written a moment after the end."""
    row = RequestLog.objects.filter(request_id=request_id).first()
    if row is None:
        raise Http404
    return JsonResponse(
        {
            "status": row.status,
            "first_token_ms": row.first_token_ms,
            "completion_tokens": row.completion_tokens,
            "tokens_per_second": _rate(row),
            "stop_latency_ms": row.stop_latency_ms,
        }
    )


def _rate(row: RequestLog) -> float | None:
    """From the first token on: what came before it is told as the time to it."""
    if row.first_token_ms is None or row.completion_tokens < 2:
        return None
    seconds = (row.total_ms - row.first_token_ms) / 1000
    return (row.completion_tokens - 1) / seconds if seconds > 0 else None


async def _ask(request: HttpRequest, model: str, messages: list[Message]) -> tuple[str, str]:
    """The answer, or why there is none. It goes the way of every request, so the log knows it too."""
    asked = HttpRequest()
    asked.method, asked.path, asked.path_info = "POST", BY_KEY["chat"].path, BY_KEY["chat"].path
    asked.META = {name: request.META[name] for name in PASSED_ON if name in request.META}
    asked.META["HTTP_X_CSRFTOKEN"] = get_token(request)
    asked.COOKIES = request.COOKIES
    body = {"model": model, "messages": messages, "max_tokens": PLAIN_MAX_TOKENS}
    asked._body = json.dumps(body).encode()  # as Django keeps one that was read
    response = await front.serve(asked)
    found: dict[str, Any] = json.loads(response.content)  # type: ignore[attr-defined]
    if response.status_code != 200:
        return "", str(found["error"]["message"])
    message = found["choices"][0].get("message") or {}  # of a provider it is as it came
    return str(message.get("content") or ""), "" if message.get("content") else NO_TEXT


def _history(text: str) -> list[Message]:
    """The messages before, as the page has sent them; what is none is left out."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [
        {"role": entry["role"], "content": entry["content"]}
        for entry in (found if isinstance(found, list) else [])
        if isinstance(entry, dict)
        and entry.get("role") in ("user", "assistant")
        and isinstance(entry.get("content"), str)
    ]


def _render(
    request: HttpRequest,
    model: str,
    history: list[Message],
    *,
    error: str = "",
    message: str = "",
    status: int = 200,
) -> HttpResponse:
    local = list(LocalModel.objects.filter(kind=LocalModel.Kind.TEXT).values_list("name", flat=True))
    ruled = Rule.objects.filter(enabled=True, kind="exact").values_list("pattern", flat=True)
    context = {
        "local": local,
        "ruled": [name for name in ruled if name not in local],
        "chosen": model,
        "history": history,
        "history_json": json.dumps(history),
        "error": error,
        "message": message,
        "endpoint": BY_KEY["chat"].path,
        "plain_max_tokens": PLAIN_MAX_TOKENS,
        "no_text": NO_TEXT,
    }
    return render(request, "models/try.html", context, status=status)
