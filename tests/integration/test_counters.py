"""Promise 3: count rows moved, never messages seen; on SQLite and on Postgres, with many hands at once."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select, text

from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, ChunkResult
from functions.core.store.tables import jobs
from tests.fakes.stage import Stage

CHUNKS = 50


def test_200_threads_each_chunk_delivered_four_times_counted_once_finalized_once(stage: Stage) -> None:
    job_id = stage.submit("".join(f"{index:04d}" for index in range(CHUNKS)))
    deliveries = [index for index in range(CHUNKS) for _ in range(4)]
    random.Random(1).shuffle(deliveries)

    def deliver(index: int) -> tuple[int, bool, bool]:
        async def one() -> tuple[int, bool, bool]:
            batch = await stage.store.claim([ChunkHint(job_id, index, 0)], seconds=60)
            moved = await stage.store.complete(job_id, [ChunkResult(index, f"r{index}")])
            task = await stage.store.begin_finalize(job_id, 1) if moved.all_done else None
            ended = task is not None and await stage.store.finish(
                task, result=None, result_key="k", result_bytes=0, error_summary=None, error=None
            )
            return len(batch.claims), bool(moved.chunk_indexes), ended

        return asyncio.run(one())

    with ThreadPoolExecutor(200) as threads:
        claimed, counted, ended = zip(*threads.map(deliver, deliveries), strict=True)

    assert sum(claimed) <= CHUNKS
    assert sum(counted) == CHUNKS
    assert sum(ended) == 1
    job = stage.job(job_id)
    assert (job.status, job.progress.completed, job.progress.failed) == (JobStatus.COMPLETED, CHUNKS, 0)


def test_overlapping_groups_in_random_order_neither_deadlock_nor_miscount(stage: Stage) -> None:
    job_id = stage.submit("a" * 4 * CHUNKS)

    def deliver(seed: int) -> int:
        indexes = random.Random(seed).sample(range(CHUNKS), 8)
        moved = asyncio.run(stage.store.complete(job_id, [ChunkResult(index, "r") for index in indexes]))
        return len(moved.chunk_indexes)

    with ThreadPoolExecutor(16) as threads:
        counted = sum(threads.map(deliver, range(64)))

    assert stage.job(job_id).progress.completed == counted
    stage.check(job_id)


def test_every_writing_transaction_of_sqlite_is_begin_immediate(sqlite_stage: Stage) -> None:
    """A read-then-write transaction that began deferred would meet "database is locked" here, not wait."""
    job_id = sqlite_stage.submit("aaaa")

    def read_then_write(_turn: int) -> None:
        with sqlite_stage.engines.write.begin() as connection:
            tries = connection.scalar(select(jobs.c.finalize_tries).where(jobs.c.job_id == job_id))
            connection.execute(text("UPDATE analysis_jobs SET finalize_tries = :n"), {"n": (tries or 0) + 1})

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(read_then_write, range(100)))

    assert sqlite_stage.job_row(job_id).finalize_tries == 100


def test_reads_on_sqlite_cannot_write(sqlite_stage: Stage) -> None:
    with sqlite_stage.engines.read.begin() as connection:
        assert connection.scalar(text("PRAGMA query_only")) == 1
