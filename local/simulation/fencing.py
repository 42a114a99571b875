"""Who may change a row: what only the holder of a claim may do, and what only a lease's end allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.core.jobs import ChunkStatus
from local.simulation.story import Key, Violation

if TYPE_CHECKING:
    from local.simulation.process import Process
    from local.simulation.rows import ChunkRow


class Fencing:
    """Remembers who took which claim."""

    def __init__(self) -> None:
        self._holders: dict[tuple[Key, int], Process] = {}

    def moved(self, was: ChunkRow, row: ChunkRow, actor: Process, now: int, *, active: bool) -> None:
        """One row, changed by one transaction of `actor` at `now` (milliseconds). Raises Violation."""
        if row.claim_no > was.claim_no and row.status == ChunkStatus.PROCESSING:
            if not active:
                raise Violation(f"{actor.name} claims {row.key}, whose job is not active")
            if was.not_before is not None and was.not_before > now:
                raise Violation(f"{actor.name} claims {row.key} {was.not_before - now} ms before its time")
            self._holders[row.key, row.claim_no] = actor
        if was.status != ChunkStatus.PROCESSING or row.status == ChunkStatus.COMPLETED:
            return  # the first result is taken from anyone
        holder = self._holders.get((row.key, was.claim_no))
        if holder is actor and row.claim_no == was.claim_no:
            return
        if was.lease_until is not None and was.lease_until + active > now:  # of an ended job a millisecond is nothing
            raise Violation(f"{actor.name} changes {row.key}, which {_name(holder)} holds: {was} became {row}")
        if holder and not holder.blows and row.crashes > was.crashes:
            raise Violation(f"the lease of {holder.name} on {row.key} ran out, and nothing had happened to it")


def _name(holder: Process | None) -> str:
    return holder.name if holder else "somebody"
