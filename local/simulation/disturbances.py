"""What happens to queues and mappings by themselves: emptied, changed, and sent what is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from local.simulation.faults import Fault, Faults

if TYPE_CHECKING:
    from local.simulation.functions import Mapping
    from local.simulation.queue import SimulatedQueue
    from local.simulation.trace import Trace

STRAYS = (
    "not JSON",
    "{}",
    '{"job_id": "nobody", "chunk_index": 0, "claim_no": 0}',
    '{"job_id": "nobody", "run": 1}',
    '{"job_id": "nobody"}',
    '{"job_id": "job0", "chunk_index": 10000, "claim_no": 0}',
    '{"job_id": "job0", "chunk_index": 0, "claim_no": 7}',
    '{"job_id": "job0", "run": 9}',
    '{"job_id": "job0", "chunk_index": -1, "claim_no": 0}',
)


@dataclass
class Disturbances:
    """Strike a few times in a history, until `ends`."""

    queues: Sequence[SimulatedQueue]
    mappings: Sequence[Mapping]
    faults: Faults
    random: Random
    trace: Trace
    ends: float

    async def run(self) -> None:
        """All of them, each in its own time."""
        await asyncio.gather(
            *(self._later(Fault.PURGE, self._purge) for _ in range(3)),
            *(self._later(Fault.CONCURRENCY, self._resize) for _ in range(3)),
            *(self._later(Fault.REDRIVE, self._redrive) for _ in range(3)),
            *(self._later(Fault.STRAY, self._stray) for _ in range(3)),
        )

    async def _later(self, fault: Fault, strike: Callable[[], str]) -> None:
        await asyncio.sleep(self.random.uniform(0, self.ends))
        if self.faults.strikes(fault):
            self.trace.note("world", fault, strike())

    def _purge(self) -> str:
        queues = self.random.choice((list(self.queues), [self.random.choice(list(self.queues))]))
        for queue in queues:
            queue.purge()
        return ", ".join(queue.name for queue in queues)

    def _resize(self) -> str:
        mapping = self.random.choice(list(self.mappings))
        mapping.concurrency = self.random.choice((1, 2, 20))
        return f"{mapping.function.logical_id}: {mapping.concurrency}"

    def _redrive(self) -> str:
        redriven = 0
        for queue in self.queues:
            for body in queue.dead_letters.ever if queue.dead_letters else ():
                queue.send(body)
                redriven += 1
        return f"{redriven} messages"

    def _stray(self) -> str:
        queue, body = self.random.choice(list(self.queues)), self.random.choice(STRAYS)
        queue.send(body)
        return f"{queue.name}: {body}"
