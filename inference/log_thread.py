"""The thread in which the request log is written: who holds the database up for it holds up nothing else.

Django's own thread for such calls is one for the whole server: a setting, or a page's session, would be read only once
the log has been written.
"""

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

P = ParamSpec("P")
R = TypeVar("R")

_thread = ThreadPoolExecutor(1, "request-log")


def in_log_thread(work: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    return sync_to_async(work, thread_sensitive=False, executor=_thread)
