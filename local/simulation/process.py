"""What lives, freezes and dies as one: an invocation of a function, with all its tasks and timers."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Context


class Process:
    """Tasks that share a fate. `rate`: how fast its own clock runs beside the true one.

    `mortal`: faults may strike it. `blows`: how many have, so that an undisturbed one can be told.
    """

    def __init__(self, name: str, *, mortal: bool = True, rate: float = 1.0) -> None:
        self.name = name
        self.mortal = mortal
        self.rate = rate
        self.alive = True
        self.frozen = False
        self.thawed_at = -1.0  # when it last woke from being frozen
        self.blows = 0
        self.looked: dict[tuple[str, int], float] = {}  # when it began to ask whether a chunk is its to call for
        self.ready: deque[asyncio.Handle] = deque()

    def context(self) -> Context:
        """A context in which everything that is started belongs to this process."""
        context = copy_context()
        context.run(CURRENT.set, self)
        return context


OUTSIDE = Process("world", mortal=False)  # clients, queues and schedules: no fault strikes them
CURRENT: ContextVar[Process] = ContextVar("process", default=OUTSIDE)
