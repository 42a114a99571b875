"""What rooms need from the database, as a Protocol: `SqlStore` is the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import (
    ChunkError,
    ChunkHint,
    ChunkResult,
    ChunkView,
    Claim,
    ClaimedBatch,
    Earlier,
    Failure,
    FinalizeTask,
    JobView,
    Moved,
    NewJob,
    Plan,
    PlanHint,
    Retried,
    Source,
    Span,
    Standing,
)
from functions.core.uploads import Deletion, DocumentView, NewDocument


class Store(Protocol):
    """The truth. Every method is one transaction of guarded writes; what it returns is what moved."""

    # -- api
    async def begin_submit(self, owner: str, idempotency_key: str | None, object_key: str | None) -> Standing:
        """What the owner has under way, and what the key made before.

        Where it made nothing, the object that the request is about to write is noted for `due_deletions`, for a time at
        which no such request is under way any more: should no job come of it, it goes. None: it writes none.
        """
        ...

    async def create_job(self, job: NewJob, spans: Sequence[Span] | None) -> Earlier | None:
        """The job and its chunk rows, all hinted as sent; `spans` None: a planner will add them.

        An answer other than None: its idempotency key has made that job, and nothing was written. Counts the job on its
        upload and pins the version. Raises DocumentMissing when the upload has expired, or another version was pinned.
        Takes back what `begin_submit` noted, and raises Retryable when that has fallen due: the object may be gone.
        """
        ...

    async def list_jobs(self, owner: str, *, status: JobStatus | None, before: str | None, limit: int) -> list[JobView]:
        """The owner's jobs with ids below `before`, newest first, without `analysis_result`."""
        ...

    async def chunk_page(
        self, job_id: str, *, after: int, limit: int, status: ChunkStatus | None, result_bytes: int
    ) -> list[ChunkView]:
        """Chunks with an index above `after`, in index order, with results of up to `result_bytes` bytes together.

        The page ends before the result that does not fit; one that is first and alone does not is left out (None).
        With 0 neither results nor their sizes are read.
        """
        ...

    async def finished_prefix(self, job_id: str) -> int:
        """How many chunks from the first one on are terminal without a gap, of those that are planned so far."""
        ...

    async def create_document(self, document: NewDocument) -> DocumentView: ...

    async def document(self, document_id: str, owner: str) -> DocumentView | None: ...

    async def job(self, job_id: str, owner: str) -> JobView | None: ...

    async def chunk_errors(self, job_id: str, limit: int) -> list[ChunkError]:
        """The first failed chunks in index order."""
        ...

    async def cancel(self, job_id: str, owner: str) -> JobStatus | None:
        """Stop an active job; the state it has now. None: no such job of that owner."""
        ...

    async def retry(self, job_id: str, owner: str, *, run: int, limit: int = 1_000) -> Retried | None:
        """Run the failed chunks of a job again that ended `run` PARTIAL_SUCCESS or FAILED: the run that began then.

        At most `limit` messages are to be sent; what they leave is due, for the reconciler. Whoever asks again, or
        second, with the same `run` gets an answer of the same shape. None: not in such a state, or not there.
        """
        ...

    async def delete(self, job_id: str, owner: str) -> list[Deletion] | None:
        """Remove a job in any state, its chunks, the replaced service's text that it was made from, and its upload when
        no other job analyses that.

        The objects to delete now, some of which may not be there; all are noted for `due_deletions` too, when no
        function can write them any more. None: no such job of that owner.
        """
        ...

    # -- planner
    async def begin_plan(self, job_id: str) -> Plan | None:
        """Take the plan's lease; None when the job is not active, planned already, or being planned."""
        ...

    async def learn_document(
        self, plan: Plan, *, source: Source, encoding: str, document_bytes: int, bom_removed: bool
    ) -> Plan | None:
        """What an upload turned out to be, before its first chunk; None when the plan is not ours any more."""
        ...

    async def begin_transcode(self, plan: Plan, upload_id: str) -> Plan | None:
        """Note the multipart upload that takes the text in UTF-8, and again each part of it that was made, as progress.

        None when the plan is not ours any more.
        """
        ...

    async def add_chunks(self, plan: Plan, spans: Sequence[Span]) -> Plan | None:
        """Insert a block of rows and move the cursor; None when the cursor is not where `plan` says."""
        ...

    async def close_plan(self, plan: Plan) -> Moved | None:
        """Check that the rows tile the document and set `total_chunks`; None when the plan is not ours any more.

        Of an upload the characters are what the cursor has counted.

        Raises DocumentUnreadable when they do not tile it.
        """
        ...

    async def hold_plan(self, plan: Plan) -> bool:
        """Lengthen the plan's lease, without progress; False when it is not ours any more."""
        ...

    async def rest_plan(self, plan: Plan, *, seconds: float) -> bool:
        """Give the plan up: no crash, and due in so many seconds."""
        ...

    async def fail_plan(self, plan: Plan, failure: Failure) -> bool:
        """End an active, unplanned job as FAILED, while that plan is held."""
        ...

    async def fail_dead_plan(self, hint: PlanHint, failure: Failure) -> bool:
        """The same for a plan that no planner could make; only where no lease lives and no newer message exists."""
        ...

    # -- chunk worker
    async def claim(self, hints: Sequence[ChunkHint], *, seconds: float) -> ClaimedBatch:
        """Claim what may be worked on, for the whole batch in one guarded write; leases last `seconds`."""
        ...

    async def renew(self, claims: Sequence[Claim], *, seconds: float) -> frozenset[tuple[str, int]]:
        """Lengthen leases to `seconds` from now; (job_id, chunk_index) of those still ours."""
        ...

    async def wanted(self, claims: Sequence[Claim]) -> frozenset[tuple[str, int]]:
        """(job_id, chunk_index) of those for which a call makes sense: still ours, and their jobs active."""
        ...

    async def count_attempt(self, claim: Claim, failure: Failure) -> bool:
        """A failed call that counts: attempts + 1. False when the claim is not ours any more."""
        ...

    async def set_aside(self, claims: Sequence[Claim], *, seconds: float) -> int:
        """Give claims up uncounted, to be claimed again in a moment; should that not happen, a hint falls due."""
        ...

    async def complete(self, job_id: str, results: Sequence[ChunkResult]) -> Moved:
        """Store results and count the rows that moved. Accepted from anyone while a chunk is open."""
        ...

    async def fail(self, claim: Claim, failure: Failure, *, attempts: int) -> Moved:
        """The chunk's end without a result, after so many counted calls; needs the claim."""
        ...

    async def park(self, claim: Claim, failure: Failure, *, seconds: float, throttled: bool) -> bool:
        """Give the claim up until `seconds` from now; `throttled` starts or keeps `parked_since`."""
        ...

    # -- finalizer
    async def begin_finalize(self, job_id: str, run: int) -> FinalizeTask | None:
        """Take the lease and count a try; None unless the job is active, at this run, all its chunks are terminal,
        and nobody else puts it together."""
        ...

    async def hold_finalize(self, task: FinalizeTask) -> bool:
        """Lengthen the finalizer's lease; False when it is not ours any more."""
        ...

    async def rest_finalize(self, task: FinalizeTask, *, seconds: float) -> bool:
        """Give it up uncounted, due in so many seconds: something of ours is away."""
        ...

    async def results(self, job_id: str, *, after: int, limit: int) -> list[ChunkResult]:
        """Completed results with an index above `after`, in index order."""
        ...

    async def failure_counts(self, job_id: str) -> list[tuple[str, int, list[int]]]:
        """(code, how many, the first few indexes) of failed chunks, most first."""
        ...

    async def finish(
        self,
        task: FinalizeTask,
        *,
        result: str | None,
        result_key: str | None,
        result_bytes: int | None,
        records_bytes: int | None = None,
        error_summary: str | None,
        error: Failure | None,
    ) -> bool:
        """The one UPDATE that ends a job; False when another one did."""
        ...

    async def exists(self, job_id: str) -> bool:
        """Whether the job is there, in whatever state: it may have been deleted."""
        ...

    # -- dead letter
    async def fail_dead(self, hint: ChunkHint, failure: Failure) -> Moved:
        """The `fail` of a message that no worker could take; only where no lease lives and no newer message exists."""
        ...

    # -- reconciler
    async def end_leases(self, limit: int) -> list[ChunkHint]:
        """Leases that ran out: back to PENDING, crashes + 1, to be sent now."""
        ...

    async def crashed_for_good(self, limit: int) -> dict[str, list[int]]:
        """Chunks whose leases ran out for the last time: indexes by job_id."""
        ...

    async def fail_crashed(self, job_id: str, indexes: Sequence[int], failure: Failure) -> Moved:
        """End them, where that is still so."""
        ...

    async def due_hints(self, limit: int) -> list[ChunkHint]:
        """PENDING chunks that no message seems to carry, stamped ahead, oldest first."""
        ...

    async def rest_ended(self, limit: int) -> int:
        """Open chunks of jobs that are not active, once due or their lease over, are never due again; how many."""
        ...

    async def not_sent(self, hints: Sequence[ChunkHint]) -> int:
        """The messages that were to be sent were not: their hints are due again."""
        ...

    async def make_pending_due(self) -> int:
        """Everything PENDING in active jobs is due now, but for what waits for its `not_before`; how many."""
        ...

    async def due_plans(self, limit: int) -> tuple[list[PlanHint], list[PlanHint]]:
        """(plans nobody works on, stamped ahead; plans whose planners crashed too often)."""
        ...

    async def due_finalizers(self, limit: int) -> list[tuple[str, int]]:
        """(job_id, run) of complete jobs nobody finalizes, stamped ahead."""
        ...

    # -- retention
    async def expire_job(self, *, seconds: float) -> str | None:
        """Remove one job that ended longer ago than that, as `delete` does; its id. None: there is none."""
        ...

    async def expire_documents(self, limit: int) -> int:
        """Remove uploads that no job has taken in time, and note their objects for deletion; how many."""
        ...

    async def forget_keys(self, *, seconds: float, limit: int) -> int:
        """Remove idempotency keys older than that; how many."""
        ...

    async def due_deletions(self, limit: int) -> list[Deletion]:
        """Objects whose deletion is due, stamped ahead, oldest first."""
        ...

    async def deleted(self, deletions: Sequence[Deletion]) -> None:
        """They are gone for good."""
        ...

    async def stuck_jobs(self, *, quiet: float, longest: float, grace: float) -> int:
        """Active jobs that have not moved for `quiet` seconds and for which nothing has fallen due in the last `grace`
        seconds or will fall due; or that have not moved for `longest`, whatever lies ahead."""
        ...

    # -- a laptop's restart
    async def recover(self) -> int:
        """All workers are known dead: leases released without counting a crash, all hints due; how many rows."""
        ...
