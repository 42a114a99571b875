"""How fast a job's chunks get done. Pure: times are handed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.client import Job

_WINDOW = 20.0  # seconds; long enough to be calm, short enough to notice a throttled provider


@dataclass(frozen=True, slots=True)
class Count:
    """A job's chunks; `total` is None until its plan is complete."""

    total: int | None
    completed: int
    failed: int

    @classmethod
    def of(cls, job: Job) -> Count:
        """The counters of a job as GET shows it."""
        return cls(job.get("total_chunks"), int(job.get("chunks_completed") or 0), int(job.get("chunks_failed") or 0))

    @property
    def done(self) -> int:
        """Chunks that are terminal."""
        return self.completed + self.failed

    @property
    def waiting(self) -> int:
        """Chunks that are not terminal."""
        return max(0, (self.total or 0) - self.done)


class Pace:
    """The rate over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now: float, done: int) -> None:
        """`done` chunks at `now` (seconds)."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Chunks a second; None until it can be told."""
        if len(self._seen) < 2:
            return None
        (then, before), (now, done) = self._seen[0], self._seen[-1]
        return (done - before) / (now - then) if now > then and done > before else None

    def left(self, waiting: int) -> float | None:
        """Seconds until `waiting` chunks are done at this rate."""
        return waiting / self.rate if self.rate else None


def duration(seconds: float) -> str:
    """Seconds for people: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
