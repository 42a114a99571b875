"""Where nothing was lost, every waiting chunk has its message: no send came too early, and no acknowledgement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.core.jobs import ChunkStatus
from local.simulation.faults import Fault, Faults
from local.simulation.rows import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.simulation.queue import SimulatedQueue
    from local.simulation.rows import ChunkRow
    from local.simulation.story import Key
    from local.simulation.watch import Watch

# What neither loses a message nor stops an invocation before it has sent what it must.
HARMLESS = frozenset(
    {
        Fault.DUPLICATE, Fault.LATE, Fault.DELETE_LOST, Fault.COLD_START, Fault.SKEW, Fault.THROTTLED_FUNCTION,
        Fault.CONCURRENCY, Fault.SLOW, Fault.SEND_ANSWER_LOST, Fault.WRONG_DEPTH, Fault.REFUSED, Fault.DATABASE_OUTAGE,
        Fault.S3_REFUSED, Fault.S3_TRUNCATED, Fault.S3_ANSWER_LOST, Fault.S3_CONFLICT,
        Fault.S3_OUTAGE,
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

    def at_rest(self) -> None:
        """To be called while no invocation is under way: every waiting chunk has its message."""
        if self.faults.met <= HARMLESS:
            newest = self._newest()
            for rows in self.watch.chunks.values():
                for row in rows:
                    self._check(row, newest)

    def acknowledged(self, bodies: Sequence[str]) -> None:
        """To be called when messages were: a chunk that still waits for one of these has another."""
        if not self.faults.met <= HARMLESS:
            return
        newest = self._newest()
        for body in map(json.loads, bodies):
            rows = self.watch.chunks.get(body["job_id"], [])
            if (
                body.get("chunk_index", len(rows)) < len(rows)
                and rows[body["chunk_index"]].claim_no == body["claim_no"]
            ):
                self._check(rows[body["chunk_index"]], newest)

    def _newest(self) -> dict[Key, int]:
        """The newest claim number that a message carries, by chunk."""
        newest: dict[Key, int] = {}
        for queue in self.queues:
            for body in (json.loads(message.body) for message in queue.messages.values()):
                key = (body["job_id"], body["chunk_index"])
                newest[key] = max(body["claim_no"], newest.get(key, -1))
        return newest

    def _check(self, row: ChunkRow, newest: Mapping[Key, int]) -> None:
        waits = row.status == ChunkStatus.PENDING and self.watch.jobs[row.job_id].status in ACTIVE
        if waits and newest.get(row.key, -1) < row.claim_no:
            self.watch.violations.append(f"nothing was lost, and no message carries {row.key}")
