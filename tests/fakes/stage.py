"""The rooms on a real database, with queues, bucket and model in memory: one step at a time, time at will."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Engine, select, update

from functions.api import control
from functions.chunk_worker.worker import process
from functions.core.chunking import split
from functions.core.ids import RANDOM_BITS, job_id_of
from functions.core.jobs import ACTIVE_JOB, ChunkStatus, JobStatus, Progress, outcome
from functions.core.keys import upload_key
from functions.core.messages import dump_chunk
from functions.core.model import ChunkHint, JobView, NewJob, PlanHint, Source
from functions.core.ports import Runner
from functions.core.settings import Settings
from functions.core.sqs_event import Record
from functions.core.store.database import Database
from functions.core.store.engines import Engines, make_engines, wall_clock
from functions.core.store.sql import SqlStore
from functions.core.store.tables import chunks, deletions, documents, idempotency_keys, jobs, metadata
from functions.core.threads import on_threads
from functions.core.uploads import DocumentView, NewDocument
from functions.core.wiring import Parts, make_timing
from functions.finalizer.finalize import finalize
from functions.planner.plan import plan
from functions.reconciler.sweep import Pass
from tests.fakes.mail import MemoryQueues
from tests.fakes.meter import MemoryMeter
from tests.fakes.script import Script
from tests.fakes.shelf import MemoryDocuments, MemoryUploads, etag_of

T = TypeVar("T")
SETTINGS = {
    "bucket": "bucket",
    "plan_queue": "plan",
    "chunk_queue": "chunk",
    "finalize_queue": "finalize",
    "auth": "none",
    "backoff_base": 0.0,  # no test waits
}
_TIMES = {
    jobs: ("plan_lease_until", "plan_due_at", "finalize_due_at", "finalize_lease_until"),
    chunks: ("lease_until", "not_before", "hint_due_at", "parked_since"),
    documents: ("expires_at",),
    deletions: ("due_at",),
    idempotency_keys: ("created_at",),
}


@dataclass
class FixedDeadline:
    """So many seconds are left, always."""

    seconds: float = 300.0

    def remaining(self) -> float:
        """Always the same."""
        return self.seconds


@dataclass
class Stage:
    """What a test of the rooms works with."""

    settings: Settings
    engines: Engines
    store: SqlStore
    queues: MemoryQueues = field(default_factory=MemoryQueues)
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    model: Script = field(default_factory=Script)
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    deadline: FixedDeadline = field(default_factory=FixedDeadline)
    numbers: Iterable[int] = field(default_factory=itertools.count)
    uploads: MemoryUploads = field(init=False)

    def __post_init__(self) -> None:
        self.uploads = MemoryUploads(self.documents)

    @classmethod
    def on(
        cls, database_url: str, *, threads: int = 4, clock: Callable[[], int] = wall_clock, **settings: Any
    ) -> Stage:
        """A stage on an empty database, whose tables it makes; `clock` is SQLite's."""
        chosen = Settings(**{**SETTINGS, "database_url": database_url, **settings})
        engines = make_engines(database_url, pool_size=threads, clock=clock)
        metadata.create_all(engines.write)
        return cls(chosen, engines, store_on(engines, chosen, on_threads(threads, "store")))

    @property
    def engine(self) -> Engine:
        """For a test's own look at the rows."""
        return self.engines.write

    @property
    def parts(self) -> Parts:
        """What the rooms get."""
        return Parts(
            settings=self.settings,
            store=self.store,
            queues=self.queues,
            documents=self.documents,
            uploads=self.uploads,
            providers=self.model,
            meter=self.meter,
            random=Random(1),
            new_job_id=self.new_job_id,
        )

    def new_job_id(self) -> str:
        """Ids that sort as they were made."""
        return job_id_of(next(iter(self.numbers)), secrets.randbits(RANDOM_BITS))

    # -- a client
    def submit(self, text: str, *, max_chunk_chars: int = 4, max_attempts: int = 3, planned: bool = True) -> str:
        """A job as the api room makes it; its messages are sent. The job_id."""
        job_id = self.new_job_id()
        data = text.encode()
        self.documents.objects[f"documents/{job_id}"] = data
        spans = split(text, max_chunk_chars) if planned else None
        job = NewJob(
            job_id=job_id,
            owner="local",
            model="script",
            instructions=None,
            max_chunk_chars=max_chunk_chars,
            max_attempts=max_attempts,
            source=Source(f"documents/{job_id}"),
            document_chars=len(text),
            document_bytes=len(data),
            bom_removed=False,
        )
        self.run(self.store.create_job(job, spans))
        if spans:
            self.run(self.queues.send_chunks([ChunkHint(job_id, span.chunk_index, 0, "local") for span in spans]))
        else:
            self.run(self.queues.send_plan(PlanHint(job_id, 0)))
        return job_id

    def upload(self, data: bytes, *, content_type: str = "text/plain; charset=utf-8") -> DocumentView:
        """An upload that has arrived, and that no job has taken yet."""
        document_id = self.new_job_id()
        key = upload_key(document_id)
        self.documents.objects[key] = data
        self.uploads.tagged.add(key)
        digest = sha256(data).hexdigest()
        offered = NewDocument(document_id, "local", key, content_type, len(data), digest, parts=(), upload_id=None)
        return self.run(self.store.create_document(offered))

    def submit_upload(self, document: DocumentView, *, max_chunk_chars: int = 4, max_attempts: int = 3) -> str:
        """A job of an upload as the api room makes it; its plan message is sent. The job_id. Raises DocumentMissing."""
        job = self.job_of_upload(document, max_chunk_chars=max_chunk_chars, max_attempts=max_attempts)
        self.run(self.store.create_job(job, None))
        self.run(self.queues.send_plan(PlanHint(job.job_id, 0)))
        return job.job_id

    def job_of_upload(self, document: DocumentView, *, max_chunk_chars: int = 4, max_attempts: int = 3) -> NewJob:
        """What the api room would write of one."""
        return NewJob(
            job_id=self.new_job_id(),
            owner="local",
            model="script",
            instructions=None,
            max_chunk_chars=max_chunk_chars,
            max_attempts=max_attempts,
            source=Source(document.key, etag_of(self.documents.objects[document.key])),
            document_chars=0,
            document_bytes=document.size,
            bom_removed=False,
            document_id=document.document_id,
        )

    def job(self, job_id: str) -> JobView:
        """The job as GET sees it."""
        found = self.run(self.store.job(job_id, "local"))
        assert found
        return found

    def cancel(self, job_id: str) -> None:
        """As the api room does. Raises Rejected."""
        self.run(control.cancel(self.parts, "local", job_id))

    def retry(self, job_id: str) -> int:
        """As the api room does: the run that begins. Raises Rejected."""
        return self.run(control.retry(self.parts, "local", job_id))

    def erase(self, job_id: str) -> None:
        """As the api room does. Raises Rejected."""
        self.run(control.erase(self.parts, "local", job_id))

    # -- the rooms
    def work(self, *hints: ChunkHint, receive_count: int = 1) -> list[str]:
        """One batch for the chunk worker; the ids of messages that stay (`m0`, `m1`, …)."""
        records = [
            Record(f"m{number}", f"r{number}", dump_chunk(hint), receive_count) for number, hint in enumerate(hints)
        ]
        return self.run(process(self.parts, records, self.deadline))

    def plan(self, job_id: str) -> None:
        """One plan message."""
        self.run(plan(self.parts, job_id, self.deadline))

    def finalize(self, job_id: str, run: int = 1) -> None:
        """One finalize message."""
        self.run(finalize(self.parts, job_id, run))

    def reconcile(self) -> None:
        """One pass."""
        self.run(Pass(self.parts, self.deadline).run())

    def deliver(self, *, batch: int = 8) -> None:
        """Deliver what lies in the queues, and what that leads to, until nothing but delayed messages is left."""
        while self.queues.plans or self.queues.finals or any(not delay for _, delay in self.queues.chunks):
            if self.queues.plans:
                self.plan(self.queues.plans.pop(0))
            elif self.queues.finals:
                self.finalize(*self.queues.finals.pop(0))
            else:
                now = [hint for hint, delay in self.queues.chunks if not delay][:batch]
                for hint in now:
                    self.queues.chunks.remove((hint, 0))
                self.work(*now)

    def settle(self, job_id: str, *, passes: int = 40) -> JobView:
        """Deliver and reconcile, a lease's time between passes, until the job has ended."""
        for _ in range(passes):
            self.deliver()
            if self.job(job_id).status not in ACTIVE_JOB:
                return self.job(job_id)
            self.pass_time(61)
            self.queues.chunks = [(hint, max(0, delay - 61)) for hint, delay in self.queues.chunks]
            self.reconcile()
        raise AssertionError(f"the job has not ended: {self.job(job_id)} {self.rows(job_id)}")

    # -- the world
    def pass_time(self, seconds: float) -> None:
        """Let time go by for the database: everything that lies ahead comes nearer."""
        with self.engine.begin() as connection:
            for table, names in _TIMES.items():
                columns = [table.c[name] for name in names]
                connection.execute(update(table).values({column: column - round(seconds * 1000) for column in columns}))

    def change(self, job_id: str, chunk_index: int, **values: Any) -> None:
        """Set columns of a chunk row."""
        with self.engine.begin() as connection:
            connection.execute(
                update(chunks).where(chunks.c.job_id == job_id, chunks.c.chunk_index == chunk_index).values(**values)
            )

    def change_job(self, job_id: str, **values: Any) -> None:
        """Set columns of a job row."""
        with self.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))

    def rows(self, job_id: str) -> list[Any]:
        """The chunk rows in order."""
        with self.engine.begin() as connection:
            found = connection.execute(select(chunks).where(chunks.c.job_id == job_id).order_by(chunks.c.chunk_index))
            return list(found)

    def row(self, job_id: str, chunk_index: int = 0) -> Any:
        """One chunk row."""
        return self.rows(job_id)[chunk_index]

    def job_row(self, job_id: str) -> Any:
        """The job row."""
        with self.engine.begin() as connection:
            return connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as a handler does. Whatever kills it, its loop is closed: the next one is another process."""
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(work)
        finally:
            try:
                while left := asyncio.all_tasks(loop):
                    for task in left:
                        task.cancel()
                    with contextlib.suppress(SystemExit):
                        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()

    def with_settings(self, **values: Any) -> Stage:
        """The same stage under other settings."""
        return replace(self, settings=self.settings.model_copy(update=values))

    def check(self, job_id: str) -> None:
        """The invariants: counters equal rows, spans tile, the terminal state is the one the counters say."""
        job, rows = self.job_row(job_id), self.rows(job_id)
        done = [row for row in rows if row.status == ChunkStatus.COMPLETED]
        failed = [row for row in rows if row.status == ChunkStatus.FAILED]
        assert (job.chunks_completed, job.chunks_failed) == (len(done), len(failed))
        data, position = self.documents.objects.get(job.document_key, b"")[job.document_skip :], 0
        for row in rows:
            assert row.byte_start == position
            position = row.byte_end
        if job.total_chunks is not None:
            assert (job.total_chunks, position) == (len(rows), len(data))
        if job.finished_at is not None and job.total_chunks is not None and job.status != JobStatus.CANCELLED:
            assert job.status == outcome(Progress(job.total_chunks, len(done), len(failed)))
            assert (job.analysis_result or "") == "\n\n".join(row.result for row in done)

    def close(self) -> None:
        """Let go of the database."""
        self.engines.dispose()


def store_on(engines: Engines, settings: Settings, runner: Runner) -> SqlStore:
    """The store as wiring makes it."""
    database = Database(engines, runner)
    return SqlStore(database, make_timing(settings), renewals=database)
