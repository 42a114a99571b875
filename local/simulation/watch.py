"""Looks at every committed row after every transaction: is a promise broken?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from functions.core.jobs import ChunkStatus
from functions.core.model import Metric
from local.simulation import holdings, rules
from local.simulation.fencing import Fencing
from local.simulation.rows import (
    ACTIVE,
    ChunkRow,
    Chunks,
    DocumentRow,
    Documents,
    JobRow,
    Jobs,
    brief,
    read,
    read_deletions,
    read_documents,
)
from local.simulation.story import Story, Violation

if TYPE_CHECKING:
    from functions.core.settings import Settings
    from local.simulation.database import SimulatedDatabase
    from local.simulation.process import Process
    from local.simulation.s3 import SimulatedS3
    from local.simulation.trace import Trace


class Watch:
    """The invariants of the database. What it finds is noted in `violations`: the first of them ends the history."""

    def __init__(
        self, database: SimulatedDatabase, story: Story, trace: Trace, clock: Callable[[], float],
        s3: SimulatedS3, violations: list[str], settings: Settings,
    ) -> None:  # fmt: skip
        self._database = database
        self._story = story
        self._trace = trace
        self._clock = clock
        self._s3 = s3
        self._settings = settings
        self._fencing = Fencing()
        self._version = -1
        self.violations = violations
        self.jobs: Jobs = {}
        self.chunks: Chunks = {}
        self.documents: Documents = {}

    def tally(self) -> Counter[str]:
        """How many jobs and chunks there are, by their states."""
        jobs = Counter(f"job {job.status}" for job in self.jobs.values())
        return jobs + Counter(f"chunk {row.status}" for rows in self.chunks.values() for row in rows)

    def needed(self, key: str) -> bool:
        """Whether a job or an upload is there whose object this is."""
        return key.split("/")[1] in (self.documents if key.startswith("uploads/") else self.jobs)

    def look(self, actor: Process) -> None:
        """Compare the rows with what they were, if `actor` has changed them."""
        version = self._database.rows("PRAGMA data_version")[0][0]
        if version == self._version:
            return
        self._version = version
        try:
            documents = read_documents(self._database) if self._story.documents else {}
            self._compare(actor, *read(self._database), documents)
        except Violation as found:
            self.violations.append(str(found))

    def _compare(self, actor: Process, jobs: Jobs, chunks: Chunks, documents: Documents) -> None:
        before, rows_before, documents_before = self.jobs, self.chunks, self.documents
        self.jobs, self.chunks, self.documents = jobs, chunks, documents
        self._gone(
            [job for job_id, job in before.items() if job_id not in jobs],
            [document for document_id, document in documents_before.items() if document_id not in documents],
        )
        if documents != documents_before or jobs.keys() != before.keys():
            holdings.counted(jobs, documents)
        for job_id, job in jobs.items():
            was, rows_were, rows = before.get(job_id), rows_before.get(job_id, []), chunks[job_id]
            if job != was or rows != rows_were:
                self._trace.note(actor.name, "commits", f"{job_id} {brief(job, rows)}")
                self._changed(actor, was, job, rows_were, rows)

    def _changed(
        self, actor: Process, was: JobRow | None, job: JobRow, rows_were: list[ChunkRow], rows: list[ChunkRow]
    ) -> None:
        if job.job_id in self._story.gone_at:
            raise Violation(f"{job.job_id} was deleted and is back")
        if was:
            rules.job_moves(was, job)
        else:
            rules.job_begins(job)
            self._story.begins(job.job_id)
        if job.document_encoding and job.document_id:
            holdings.kept(job, self._s3.tags)
        rules.contiguous(job, rows, len(rows_were))
        rules.counters(job, rows)
        if job.status in ACTIVE:
            rules.looked_after(job, rows)
        retried = was is not None and job.run > was.run
        for row_was, row in zip(rows_were, rows, strict=False):
            if row != row_was:
                self._row(actor, row_was, row, job, retried=retried)
        if job.total is not None and (was is None or was.total is None):
            rules.tiles(job, rows, self._story.texts[job.job_id])
        if job.status not in ACTIVE and (was is None or was.status in ACTIVE):
            self._story.ended_at[job.job_id] = self._clock()
            kept = self._s3.objects[job.result_key].decode() if job.result_key else job.result or ""
            rules.job_ends(job, rows, kept)
            rules.job_may_fail(job, self._settings, self._story.broken.get(job.job_id), passed=self._clock())
            holdings.recorded(job, rows, self._s3.objects)

    def _gone(self, jobs: list[JobRow], documents: list[DocumentRow]) -> None:
        """What was deleted had to be, and its objects will be."""
        ids = [*(job.job_id for job in jobs), *(document.document_id for document in documents)]
        if not ids:
            return
        self._story.gone_at.update(dict.fromkeys(ids, self._clock()))
        now = self._database.now()
        for job in jobs:
            holdings.job_may_go(job, self._settings, now, asked=job.job_id in self._story.to_be_erased)
        for document in documents:
            holdings.document_may_go(document, now)
        holdings.noted(ids, self._s3.objects, read_deletions(self._database))

    def _row(self, actor: Process, was: ChunkRow, row: ChunkRow, job: JobRow, *, retried: bool) -> None:
        rules.chunk_moves(was, row, retried=retried)
        calls = self._story.all_calls[row.key]  # of every run: a late result of an earlier one counts in this
        rules.in_budget(job, row, calls=calls, crash_limit=self._settings.crash_limit)
        self._fencing.moved(was, row, actor, self._database.now(), active=job.status in ACTIVE)
        self._story.moved[Metric.CHUNKS_CRASHED] += max(0, row.crashes - was.crashes)
        if row.status == was.status:
            return
        if row.status == ChunkStatus.COMPLETED:
            self._story.completed_at[row.key] = self._clock()
            self._story.moved[Metric.CHUNKS_COMPLETED] += 1
            rules.answered(row, self._story.texts[row.job_id])
        if row.status == ChunkStatus.FAILED:
            rules.chunk_may_fail(was, row, job, self._settings, self._database.now())
            self._story.moved[Metric.CHUNKS_FAILED] += 1
        if row.status == ChunkStatus.PENDING and row.parked_since is not None:
            self._story.moved[Metric.CHUNKS_PARKED] += 1
        if row.error_code == "worker_crashed":
            self._story.worker_crashed(row.key)
