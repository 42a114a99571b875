"""The states of a job and of a chunk, and the legal ways between them. Pure.

::

                      first chunk claimed              every chunk terminal, result assembled
    job    PENDING ───────────────────▶ PROCESSING ─┬─▶ COMPLETED         every chunk has a result
              │                          ▲     │    ├─▶ PARTIAL_SUCCESS ─┐ some have
              │ plan cannot succeed      │     │    └─▶ FAILED ──────────┤ none has
              ├──▶ FAILED                └─────┼─── retry ───────────────┘
              └──▶ CANCELLED ◀─────────────────┘ cancel

                    claim                 first result wins
    chunk  PENDING ───────▶ PROCESSING ─┬─▶ COMPLETED
              ▲                │        └─▶ FAILED ──┐
              └── given up ────┘                     │
              └──────────────── retry ───────────────┘

A plan may fail in PROCESSING too, while workers have the first chunks. A result is taken from PENDING too (a late
worker whose lease was ended), and so is the failure of a message that died before a claim. A job may be deleted in any
state, and then nothing is left that could move.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class JobStatus(StrEnum):
    """What a job is doing."""

    PENDING = "PENDING"  # accepted and durable; no chunk is being worked on yet
    PROCESSING = "PROCESSING"  # at least one chunk has been claimed
    COMPLETED = "COMPLETED"  # every chunk has a result
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"  # some chunks have a result, the others say why not
    FAILED = "FAILED"  # no chunk has a result, or the plan could not succeed
    CANCELLED = "CANCELLED"  # the client stopped it


class ChunkStatus(StrEnum):
    """What a chunk is doing."""

    PENDING = "PENDING"  # waits for a worker, or for its `not_before`
    PROCESSING = "PROCESSING"  # a worker holds its lease
    COMPLETED = "COMPLETED"  # its result is stored and counted
    FAILED = "FAILED"  # its error is stored and counted


ACTIVE_JOB = (JobStatus.PENDING, JobStatus.PROCESSING)
RETRIABLE_JOB = (JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED)
OPEN_CHUNK = (ChunkStatus.PENDING, ChunkStatus.PROCESSING)

JOB_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.PENDING: frozenset(
        {JobStatus.PROCESSING, JobStatus.COMPLETED, JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.PROCESSING: frozenset(
        {JobStatus.COMPLETED, JobStatus.PARTIAL_SUCCESS, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.PARTIAL_SUCCESS: frozenset({JobStatus.PROCESSING}),
    JobStatus.FAILED: frozenset({JobStatus.PROCESSING}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}

CHUNK_MOVES: dict[ChunkStatus, frozenset[ChunkStatus]] = {
    ChunkStatus.PENDING: frozenset({ChunkStatus.PROCESSING, ChunkStatus.COMPLETED, ChunkStatus.FAILED}),
    ChunkStatus.PROCESSING: frozenset({ChunkStatus.PENDING, ChunkStatus.COMPLETED, ChunkStatus.FAILED}),
    ChunkStatus.COMPLETED: frozenset(),
    ChunkStatus.FAILED: frozenset({ChunkStatus.PENDING}),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """The counters of a job; `total` is None until the plan is complete."""

    total: int | None
    completed: int
    failed: int

    @property
    def all_done(self) -> bool:
        """Whether every chunk of a complete plan is terminal."""
        return self.total is not None and self.completed + self.failed == self.total


def outcome(progress: Progress) -> JobStatus:
    """The state a job ends in once every chunk is terminal.

    Raises ValueError while chunks are open.
    """
    if not progress.all_done:
        raise ValueError(f"{progress} is not done")
    if progress.completed == 0:
        return JobStatus.FAILED
    return JobStatus.COMPLETED if progress.failed == 0 else JobStatus.PARTIAL_SUCCESS


def progress_pct(status: JobStatus, progress: Progress) -> int:
    """Whole percent of chunks that are terminal: rounded down, at most 99 until the job itself has ended."""
    if status not in ACTIVE_JOB and status is not JobStatus.CANCELLED:
        return 100
    if not progress.total:
        return 0
    return min(99, 100 * (progress.completed + progress.failed) // progress.total)
