"""Rows of the request log that no server wrote, for what is told from many of them."""

import secrets
from datetime import timedelta
from typing import Any

from django.utils import timezone

from settings_app.models import RequestLog


def log_row(*, ago: timedelta = timedelta(), path: str = "/v1/chat/completions", **values: Any) -> RequestLog:
    """Not saved. Ended well in `decode`; `total_ms` is the sum of its phases, in milliseconds by `…_ms`."""
    lengths = {f"{phase}_ms": 0.0 for phase in ("queue", "load", "prefill", "decode", "cloud")}
    plain = {
        "request_id": f"req_{secrets.token_hex(12)}",
        "at": timezone.now() - ago,
        "endpoint": path,
        "model": "tiny",
        "served_model": "tiny",
        "backend": "local",
        "streamed": False,
        "status": "ok",
        "phase": "decode",
        "prompt_tokens": 0,
        "cached_tokens": 0,
        "completion_tokens": 0,
    }
    row = RequestLog(**{**plain, **lengths, **values})
    row.total_ms = sum(getattr(row, name) for name in lengths)
    return row
