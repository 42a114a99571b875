"""An event loop in virtual time. Between any two steps it may run another process, or lose the one that was next."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from random import Random
from typing import Any

from local.simulation.process import CURRENT, OUTSIDE, Process
from local.simulation.story import Violation

Strike = Callable[[Process], bool]


class Standstill(Exception):
    """Nothing is left that could ever happen, and the end has not come."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs the steps of each process in order, and those of different processes in an order that `random` draws.

    Time passes only while no process can take a step. Before each step of a mortal process `strike` may kill or freeze
    it (and then says True: the step is not taken now).
    """

    def __init__(self, random: Random, strike: Strike) -> None:
        super().__init__()
        OUTSIDE.ready.clear()  # of the loop before this one
        self.now = 0.0
        self.violations: list[str] = []  # the first that anybody notes here ends the run with Violation
        self._random = random
        self._strike = strike
        self._runnable: list[Process] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Process]] = []
        self._numbers = itertools.count()
        self._started: list[asyncio.Task[Any]] = []

    # -- processes
    def kill(self, process: Process) -> None:
        """No step of it is ever taken again; what it has committed or sent stays so."""
        process.alive = False
        process.ready.clear()
        if process in self._runnable:
            self._runnable.remove(process)

    def freeze(self, process: Process, seconds: float) -> None:
        """It takes no step for so long, as when its machine is stopped."""
        process.frozen = True
        if process in self._runnable:
            self._runnable.remove(process)
        self.call_at(self.now + seconds, self._thaw, process, context=_OUTSIDE)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something of the world itself; an error in it is a violation."""
        self.create_task(work, context=_OUTSIDE.copy()).add_done_callback(self._spawned)

    def _spawned(self, done: asyncio.Task[None]) -> None:
        error = done.exception()
        if error:
            self.violations.append(str(error) if isinstance(error, Violation) else repr(error))

    def bury(self) -> None:
        """Close what the dead and the unfinished left behind; nothing they do on their way out has an effect."""
        for task in self._started:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 (asyncio's own gather does so)
                coroutine = task.get_coro()
                try:
                    if coroutine is not None:
                        coroutine.close()
                except BaseException:  # noqa: BLE001, S110 (a corpse's last words)
                    pass
        self._started.clear()

    def _thaw(self, process: Process) -> None:
        process.frozen = False
        process.thawed_at = self.now
        if process.alive and process.ready:
            self._runnable.append(process)

    # -- what asyncio asks of a loop
    def time(self) -> float:
        """Seconds by the clock of the process that asks."""
        return self.now * CURRENT.get().rate

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """As every loop does; kept, to be closed in the end if its process dies."""
        task: asyncio.Task[Any] = super().create_task(coro, **kwargs)
        self._started.append(task)
        return task

    def call_at(  # type: ignore[override]  # typeshed ties args to callback
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """`when` is by the clock of the process that asks."""
        context = copy_context() if context is None else context  # an empty one is false
        process = context.get(CURRENT, OUTSIDE)
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when / process.rate, next(self._numbers), timer, process))
        return timer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Errors that nobody awaited: those of the world itself end the simulation, a process's are its own."""
        error = context.get("exception")
        if error is not None and CURRENT.get() is OUTSIDE and "never retrieved" not in context.get("message", ""):
            raise error

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> asyncio.Handle:
        context = copy_context() if context is None else context  # an empty one is false
        handle = asyncio.Handle(callback, args, self, context)
        self._put(handle, context.get(CURRENT, OUTSIDE))
        return handle

    def _write_to_self(self) -> None:
        """There is no other thread to be woken from."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Found out when its time comes."""

    def _put(self, handle: asyncio.Handle, process: Process) -> None:
        if not process.alive:
            return
        process.ready.append(handle)
        if len(process.ready) == 1 and not process.frozen:
            self._runnable.append(process)

    def _run_once(self) -> None:
        if self._runnable:
            self._step()
        else:
            self._advance()
        if self.violations:
            raise Violation(self.violations[0])

    def _step(self) -> None:
        index = int(self._random.random() * len(self._runnable))
        process = self._runnable[index]
        if process.mortal and self._strike(process):
            return
        handle = process.ready.popleft()
        if not process.ready:
            self._runnable[index] = self._runnable[-1]
            self._runnable.pop()
        if not handle.cancelled():
            handle._run()  # noqa: SLF001

    def _advance(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            if self._stopping:  # type: ignore[attr-defined]
                return
            raise Standstill(f"nothing left to happen after {self.now:.3f} s")
        due, _, timer, process = heapq.heappop(self._timers)
        self.now = max(self.now, due)
        self._put(timer, process)


_OUTSIDE = OUTSIDE.context()
