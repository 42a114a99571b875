"""Pages of a job's chunks, bounded in memory and by what Lambda may answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from functions.api.cursors import after_chunk, chunk_of
from functions.api.fitting import MOST_BYTES
from functions.core.jobs import ChunkStatus
from functions.core.model import ChunkView, JobView
from functions.core.store_port import Store

B = TypeVar("B", bound=BaseModel)

RESULT_BYTES = 4_000_000  # of results on a page
_AROUND = 10_000  # bytes of a page beside its items


async def finished_prefix(store: Store, job: JobView) -> int:
    """How far the document is done without a gap; asked before the chunks, so that a page shows at least as much."""
    return job.progress.total or 0 if job.progress.all_done else await store.finished_prefix(job.job_id)


async def where(store: Store, job: JobView, prefix: int, shown: Sequence[ChunkView], after: str | None,
                status: ChunkStatus | None) -> dict[str, Any]:  # fmt: skip
    """What every page says beside its items."""
    last = shown[-1].span.chunk_index if shown else chunk_of(after)
    more = bool(shown) and await _more(store, job, last, status)
    return {
        "next_cursor": after_chunk(last) if more else None,
        "finished_prefix": prefix,
        "total_chunks": job.progress.total,
        "planned_chunks": job.planned_chunks,
        "status": job.status,
        "run": job.run,
    }


def fitting(found: Sequence[ChunkView], body: Callable[[ChunkView], B]) -> list[B]:
    """The bodies of those chunks that fit into an answer; where the first alone does not, it loses its result instead.

    `RESULT_BYTES` bounds what is read; escapes in JSON can make six times that of it.
    """
    bodies: list[B] = []
    room = MOST_BYTES - _AROUND
    for chunk in found:
        made = body(chunk)
        if _size(made) > room:
            if bodies:
                break
            made = body(replace(chunk, result=None))
        room -= _size(made)
        bodies.append(made)
    return bodies


def _size(body: BaseModel) -> int:
    return len(body.model_dump_json().encode()) + 1  # and a comma


async def _more(store: Store, job: JobView, last: int, status: ChunkStatus | None) -> bool:
    if status is None:
        return last + 1 < job.planned_chunks
    return bool(await store.chunk_page(job.job_id, after=last, limit=1, status=status, result_bytes=0))
