"""The queues in memory: what was sent lies in lists until a test delivers, loses or doubles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from functions.core.errors import QueueUnavailable
from functions.core.model import ChunkHint, PlanHint


def nothing(_effect: str) -> None:
    """The default hook: let every effect happen."""


@dataclass
class MemoryQueues:
    """`functions.core.ports.Queues`; `before` sees each send first, and may raise."""

    chunks: list[tuple[ChunkHint, int]] = field(default_factory=list)  # with their delay in seconds
    plans: list[str] = field(default_factory=list)
    finals: list[tuple[str, int]] = field(default_factory=list)
    held: list[tuple[str, int]] = field(default_factory=list)
    away: bool = False
    before: Callable[[str], None] = nothing

    async def check(self) -> None:
        """They are there."""

    async def send_chunks(self, hints: Sequence[ChunkHint], *, delay: int = 0) -> None:
        """Keep them. A sender that does not know the owner would send what no fair queue can sort."""
        assert all(hint.owner for hint in hints)
        self._effect("send chunks")
        self.chunks += [(hint, delay) for hint in hints]

    async def send_plan(self, hint: PlanHint) -> None:
        """Keep it."""
        self._effect("send plan")
        self.plans.append(hint.job_id)

    async def send_finalize(self, job_id: str, run: int) -> None:
        """Keep it."""
        self._effect("send finalize")
        self.finals.append((job_id, run))

    async def chunk_queue_is_empty(self) -> bool:
        """Whether no chunk message is left."""
        return not self.chunks

    async def hold_back(self, receipt_handles: Sequence[tuple[str, int]]) -> None:
        """Note it."""
        self.held += receipt_handles

    def lose_everything(self) -> None:
        """All queues are emptied."""
        self.chunks.clear()
        self.plans.clear()
        self.finals.clear()

    def _effect(self, name: str) -> None:
        self.before(name)
        if self.away:
            raise QueueUnavailable("the queue is away")
