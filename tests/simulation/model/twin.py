"""The product's own store, put into any state of the model and made to take any of its steps.

`install` writes rows that mean what the model's rows mean; `look` reads rows back as the model's. Time stands still:
what passes is moved in the rows. What only ghosts know is left out on both sides (`seen_from_outside`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select

from functions.core.jobs import Progress
from functions.core.keys import document_key
from functions.core.model import ChunkHint, Claim, Failure, FinalizeTask, Plan, Source, Span
from functions.core.results import SEPARATOR
from functions.core.settings import Settings
from functions.core.store.engines import make_engines
from functions.core.store.sql import SqlStore
from functions.core.store.tables import chunks, jobs, metadata
from functions.core.threads import inline
from tests.fakes.stage import SETTINGS, store_on
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import ACTIVE, ALIVE, COMPLETED, FAILED, NONE, OVER, Actor, Chunk, Job, Rows

T = TypeVar("T")
NOW = 1_000_000_000_000
AHEAD, PAST = NOW + 60_000, NOW - 1
JOB, OWNER = "0model", "local"
SOURCE = Source(document_key(JOB))
WHY = Failure("timeout", "no answer")
GIVEN_UP = Failure("assembly_failed", "not put together")
_TIMES = {None: NONE, AHEAD: ALIVE, PAST: OVER}
_LEASES = {NONE: None, ALIVE: AHEAD, OVER: PAST}


class Twin:
    """One job on a SQLite database of its own."""

    def __init__(self, path: str, setup: Setup) -> None:
        """`path`: of a file that is not there yet."""
        settings = Settings(
            **{**SETTINGS, "database_url": f"sqlite:///{path}"},  # type: ignore[arg-type]
            crash_limit=setup.crash_limit,
            finalize_after=60.0,
            plan_lease=60.0,
        )
        self.setup = setup
        self.engines = make_engines(settings.database_url, pool_size=1, clock=lambda: NOW)
        metadata.create_all(self.engines.write)
        self.store: SqlStore = store_on(self.engines, settings, inline)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Let go of the database."""
        self._runner.close()
        self.engines.dispose()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """One transaction of the store."""
        return self._runner.run(work)

    def install(self, rows: Rows) -> None:
        """Make the tables hold these rows and nothing else."""
        with self.engines.write.begin() as connection:
            connection.execute(delete(jobs))
            connection.execute(delete(chunks))
            if rows.job:
                connection.execute(insert(jobs), self._job(rows.job))
            if rows.chunks:
                values = [self._chunk(index, chunk) for index, chunk in enumerate(rows.chunks)]
                connection.execute(insert(chunks), values)

    def look(self) -> Rows:
        """The tables as the model sees them."""
        with self.engines.read.begin() as connection:
            job = connection.execute(select(jobs)).one_or_none()
            found = connection.execute(select(chunks).order_by(chunks.c.chunk_index)).all()
        return Rows(_seen_job(job) if job else None, tuple(_seen_chunk(row) for row in found))

    def set_times(self, index: int | None = None, **values: int | None) -> None:
        """Let time pass for a chunk (all of them: -1), or for the job (None)."""
        with self.engines.write.begin() as connection:
            if index is None:
                connection.execute(jobs.update().values(**values))
            else:
                which = chunks.c.chunk_index == index if index >= 0 else chunks.c.hint_due_at.is_not(None)
                connection.execute(chunks.update().where(which).values(**values))

    def claim_of(self, actor: Actor) -> Claim:
        """What a worker of the model holds, as the product's worker holds it."""
        return Claim(
            job_id=JOB,
            span=span_of(actor.message.chunk),
            claim_no=actor.token,
            attempts=actor.done,
            crashes=0,
            max_attempts=self.setup.max_attempts,
            model="script",
            instructions=None,
            source=SOURCE,
            parked_ms=0,
            owner=OWNER,
            document_bytes=self.setup.chunks,
        )

    def plan_of(self, actor: Actor) -> Plan:
        """What a planner of the model holds."""
        size, at = self.setup.chunks, actor.done
        return Plan(
            job_id=JOB,
            claim_no=actor.token,
            source=SOURCE,
            encoding="utf-8",
            content_type=None,
            transcode_upload=None,
            document_id=None,
            document_chars=size,
            document_bytes=size,
            max_chunk_chars=1,
            next_chunk=at,
            next_char=at,
            next_byte=at,
            waiting_ms=0,
            owner=OWNER,
        )

    def task_of(self, actor: Actor, job: Job) -> FinalizeTask:
        """What a finalizer of the model holds."""
        progress = Progress(job.total, job.completed, job.failed)
        return FinalizeTask(JOB, actor.message.token, progress, actor.token, 0)

    def _job(self, job: Job) -> dict[str, Any]:
        size, ended = self.setup.chunks, job.status not in ACTIVE
        result = joined(job.result)
        return {
            "job_id": JOB,
            "owner": OWNER,
            "status": job.status,
            "run": job.run,
            "model": "script",
            "max_chunk_chars": 1,
            "max_attempts": self.setup.max_attempts,
            "document_key": SOURCE.key,
            "document_chars": size,
            "document_bytes": size,
            "total_chunks": job.total,
            "chunks_completed": job.completed,
            "chunks_failed": job.failed,
            "plan_chunk": job.plan_cursor,
            "plan_char": job.plan_cursor,
            "plan_byte": job.plan_cursor,
            "plan_claim_no": job.plan_claim,
            "plan_crashes": job.plan_crashes,
            "plan_lease_until": _LEASES[job.plan_lease],
            "plan_due_at": AHEAD if job.plan_due else None,
            "finalize_due_at": AHEAD if job.final_due else None,
            "finalize_tries": job.tries,
            "finalize_lease_until": _LEASES[job.final_lease],
            "error_code": GIVEN_UP.code if job.given_up else None,
            "error_message": GIVEN_UP.message if job.given_up else None,
            "analysis_result": result,
            "created_at": PAST,
            "updated_at": PAST,
            "finished_at": PAST if ended else None,
        }

    def _chunk(self, index: int, chunk: Chunk) -> dict[str, Any]:
        failed, ended = chunk.status == FAILED, chunk.status in (FAILED, COMPLETED)
        return {
            "job_id": JOB,
            "chunk_index": index,
            "status": chunk.status,
            "char_start": index,
            "char_end": index + 1,
            "byte_start": index,
            "byte_end": index + 1,
            "claim_no": chunk.claim_no,
            "lease_until": _LEASES[chunk.lease],
            "not_before": AHEAD if chunk.early else None,
            "hint_due_at": AHEAD if chunk.hint else None,
            "attempts": chunk.attempts,
            "crashes": chunk.crashes,
            "error_code": WHY.code if failed else None,
            "error_message": WHY.message if failed else None,
            "result": str(chunk.result) if chunk.result else None,
            "finished_at": PAST if ended else None,
        }


def seen_from_outside(rows: Rows) -> Rows:
    """The rows without ghosts, and a result as its text."""
    job = rows.job
    if job:
        job = job._replace(result=None if job.result is None else tuple(part for part in job.result if part))
    return Rows(job, tuple(chunk._replace(calls=0, run=1) for chunk in rows.chunks))


def span_of(index: int) -> Span:
    """Each chunk is one character long."""
    return Span(index, index, index + 1, index, index + 1)


def hint_for(index: int, claim_no: int) -> ChunkHint:
    """A chunk message."""
    return ChunkHint(JOB, index, claim_no)


def joined(parts: tuple[int, ...] | None) -> str | None:
    """Results as the finalizer joins them, None where there are none; each is the number of the claim it came from."""
    return SEPARATOR.join(str(part) for part in parts or () if part) or None


def _seen_job(row: Any) -> Job:
    text = row.analysis_result
    return Job(
        status=row.status,
        run=row.run,
        total=row.total_chunks,
        completed=row.chunks_completed,
        failed=row.chunks_failed,
        result=None if text is None else tuple(int(part) for part in text.split(SEPARATOR)),
        given_up=row.error_code == GIVEN_UP.code,
        final_due=row.finalize_due_at is not None,
        final_lease=_lease(row.finalize_lease_until),
        tries=row.finalize_tries,
        plan_cursor=row.plan_chunk,
        plan_claim=row.plan_claim_no,
        plan_lease=_lease(row.plan_lease_until),
        plan_due=row.plan_due_at is not None,
        plan_crashes=row.plan_crashes,
    )


def _seen_chunk(row: Any) -> Chunk:
    return Chunk(
        status=row.status,
        claim_no=row.claim_no,
        lease=_lease(row.lease_until),
        early=row.not_before is not None and row.not_before > NOW,
        hint=row.hint_due_at is not None,
        attempts=row.attempts,
        crashes=row.crashes,
        result=int(row.result or 0),
    )


def _lease(until: int | None) -> str:
    return NONE if until is None else OVER if until < NOW else ALIVE
