"""Kills a room between any two of its effects: claim, call, commit, send, acknowledge."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any


class Killed(SystemExit):
    """The process died here. No handler catches it, as none catches SIGKILL, and an event loop ends at once."""


@dataclass
class Killer:
    """Counts effects, and dies before or after number `at` (from 0). The dead have no further effects."""

    at: int
    after: bool
    seen: int = 0
    dead: bool = False
    names: list[str] = field(default_factory=list)

    def effect(self, name: str = "") -> None:
        """An effect is about to happen."""
        if self.dead:
            raise asyncio.CancelledError
        self.seen += 1
        self.names.append(name)
        # After a send or a call, of which nobody says that it is done, it dies before the next effect.
        if self.at >= 0 and self.seen - 1 == self.at + self.after:
            self._die()

    def done(self) -> None:
        """The effect has happened, and nobody was told."""
        if self.seen - 1 == self.at and self.after and not self.dead:
            self._die()

    def _die(self) -> None:
        self.dead = True
        raise Killed


class KilledStore:
    """A store (or uploads) whose every call may be the last thing its process does; dying after it, it has happened."""

    def __init__(self, store: object, killer: Killer) -> None:
        self._store = store
        self._killer = killer

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._killer.effect(name)
            answer = await method(*args, **kwargs)
            self._killer.done()
            return answer

        return call
