"""The processes of one function: started when needed, kept warm, ended when nobody has needed them for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.isolated.process import FunctionProcess


class Pool:
    """At most `most` processes; one that has been idle for `idle` seconds ends, and all end with this program.

    For any thread.
    """

    def __init__(self, start: Callable[[], FunctionProcess], *, most: int, idle: float) -> None:
        self._start = start
        self._most = most
        self._idle_seconds = idle
        self._changed = threading.Condition()
        self._idle: list[FunctionProcess] = []  # the last to come is the first to go, so that the others grow old
        self._busy: set[FunctionProcess] = set()
        self._starting = 0
        self._retirer: threading.Thread | None = None

    @contextmanager
    def process(self) -> Iterator[FunctionProcess]:
        """A process for one invocation: a warm one, else a new one, else the next to be free. Raises OSError."""
        taken = self._take() or self._begin()
        try:
            yield taken
        except BaseException:
            self._give_back(taken)
            raise
        self._give_back(taken)

    def pids(self) -> list[int]:
        """The process ids of all, busy or idle."""
        with self._changed:
            return [process.pid for process in (*self._busy, *self._idle)]

    def _take(self) -> FunctionProcess | None:
        """A warm process; None where one may be started instead: its place is reserved."""
        with self._changed:
            while True:
                while self._idle:
                    process = self._idle.pop()
                    if process.lives():
                        self._busy.add(process)
                        return process
                    process.end()
                if len(self._busy) + self._starting < self._most:
                    self._starting += 1
                    return None
                self._changed.wait()

    def _begin(self) -> FunctionProcess:
        try:
            process = self._start()
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(process)
        return process

    def _give_back(self, process: FunctionProcess) -> None:
        with self._changed:
            self._busy.discard(process)
            if not process.lives():
                process.end()
            else:
                process.freeze()
                self._idle.append(process)
                if self._retirer is None:
                    self._retirer = threading.Thread(target=self._retire, name="retire", daemon=True)
                    self._retirer.start()
            self._changed.notify_all()

    def _retire(self) -> None:
        """End what has been idle for long enough, for as long as this program runs."""
        with self._changed:
            while True:
                now = time.monotonic()
                while self._idle and self._idle[0].idle_since + self._idle_seconds <= now:
                    self._idle.pop(0).end()
                due = self._idle[0].idle_since + self._idle_seconds - now if self._idle else None
                self._changed.wait(due)
