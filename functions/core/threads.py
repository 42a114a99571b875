"""Two ways to run a blocking call from a coroutine: on a pool of threads, or right here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from functions.core.ports import Runner

T = TypeVar("T")


def on_threads(max_workers: int, name: str) -> Runner:
    """A Runner over `max_workers` threads called `name_0`, `name_1`, …; any number of event loops may share it.

    A call sees the caller's context variables. Cancelling the await drops a call that has not begun; one that has
    begun runs to its end, unseen, so that no statement or request is cut in the middle.
    """
    pool = ThreadPoolExecutor(max_workers, thread_name_prefix=name)

    def run(call: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(pool, copy_context().run, call)

    return run


async def inline(call: Callable[[], T]) -> T:
    """The Runner of a simulation: the call happens at once, on the loop's own thread."""
    return call()
