"""Threads for calls that may never return: unlike an executor's, they do not hold up the end of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonPool:
    """At most `size` threads, started when they are needed; what comes beyond waits its turn."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open_calls = 0
        self._threads = 0

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """The call's future; `cancel()` takes back a call that still waits for a thread."""
        future: Future[T] = Future()
        self._calls.put((future, call))
        with self._lock:
            self._open_calls += 1
            start = self._threads < min(self._open_calls, self._size)
            self._threads += start
        if start:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return future

    def close(self) -> None:
        """Let idle threads go; busy ones end after their call."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            _settle(*item)
            # An idle thread must hold neither the last request nor its answer.
            del item
            with self._lock:
                self._open_calls -= 1


def _settle(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - the caller gets it, whatever it is
        future.set_exception(error)
    else:
        future.set_result(result)
