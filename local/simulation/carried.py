"""Where nothing was lost, every waiting chunk has its message: no send came too early, and no acknowledgement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.core.jobs import ChunkStatus
from local.simulation.faults import Fault, Faults
from local.simulation.rows import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.simulation.queue import SimulatedQueue
    from local.simulation.watch import Watch

# What neither loses a message nor stops an invocation before it has sent what it must.
HARMLESS = frozenset(
    {
        Fault.DUPLICATE, Fault.LATE, Fault.DELETE_LOST, Fault.COLD_START, Fault.SKEW, Fault.THROTTLED_FUNCTION,
        Fault.CONCURRENCY, Fault.SLOW, Fault.SEND_ANSWER_LOST, Fault.WRONG_DEPTH, Fault.REFUSED, Fault.DATABASE_OUTAGE,
        Fault.S3_REFUSED, Fault.S3_TRUNCATED, Fault.S3_ANSWER_LOST, Fault.S3_OUTAGE,
        Fault.MODEL_ERROR, Fault.MODEL_THROTTLED, Fault.MODEL_SILENT, Fault.MODEL_SLOW, Fault.MODEL_PERMANENT,
        Fault.MODEL_BUG, Fault.MODEL_OUTAGE, Fault.MODEL_STORM,
    }
)  # fmt: skip


@dataclass
class Carried:
    """Compares the rows with the chunk queue and its dead letters."""

    queues: Sequence[SimulatedQueue]
    watch: Watch
    faults: Faults

    def check(self) -> None:
        """To be called while no invocation is under way."""
        if any(count and fault not in HARMLESS for fault, count in self.faults.counts.items()):
            return
        newest: dict[tuple[str, int], int] = {}
        for job_id, index, claim_no in self._messages():
            newest[job_id, index] = max(claim_no, newest.get((job_id, index), -1))
        for rows in self.watch.chunks.values():
            for row in rows:
                waits = row.status == ChunkStatus.PENDING and self.watch.jobs[row.job_id].status in ACTIVE
                if waits and newest.get(row.key, -1) < row.claim_no:
                    self.watch.violations.append(f"nothing was lost, and no message carries {row.key}")

    def _messages(self) -> Iterable[tuple[str, int, int]]:
        for queue in self.queues:
            for message in queue.messages.values():
                body = json.loads(message.body)
                yield body["job_id"], body["chunk_index"], body["claim_no"]
