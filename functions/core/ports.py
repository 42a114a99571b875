"""What rooms need from the world, as Protocols; wiring hands in the real ones, a test or a simulator its own.

Everything is async so that a simulator can drive the rooms on a loop with virtual time; the AWS and SQL adapters run
their synchronous clients on threads. Every method may raise the `Retryable` of its port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import (
    ChunkError,
    ChunkHint,
    ChunkResult,
    ChunkView,
    Claim,
    ClaimedBatch,
    Deletion,
    DocumentView,
    Earlier,
    Failure,
    FinalizeTask,
    JobView,
    Metric,
    ModelAnswer,
    ModelCall,
    Moved,
    NewDocument,
    NewJob,
    Offer,
    PartSize,
    Plan,
    PlanHint,
    Retried,
    Source,
    Span,
    Standing,
    Stored,
    StoredPart,
)

T = TypeVar("T")


class Runner(Protocol):
    """Runs a blocking call without blocking the loop: on a thread, or inline in a simulation."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]: ...


class Deadline(Protocol):
    """When the invocation ends."""

    def remaining(self) -> float:
        """Seconds left; never negative."""
        ...


class Provider(Protocol):
    """A model, opened for one invocation (a client may belong to an event loop)."""

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The model's answer to one chunk. Raises ProviderError, nothing else."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Providers(Protocol):
    """The models this deployment may use."""

    def check(self, model: str) -> None:
        """Raise Rejected (422, naming the models there are) when `model` is not one of them."""
        ...

    def open(self, model: str) -> Provider:
        """The provider for a model. Raises ProviderError when it cannot be opened (no key, unknown name)."""
        ...


class Meter(Protocol):
    """Where operators count."""

    def add(self, metric: Metric, value: int) -> None:
        """Add to what this invocation reports; 0 is a report too."""
        ...

    def flush(self) -> None:
        """Report what was added since the last time."""
        ...


class Documents(Protocol):
    """The bucket: documents by key, read by byte ranges, and large results."""

    async def put(self, key: str, data: bytes, *, content_type: str) -> None: ...

    async def put_stream(self, key: str, blocks: AsyncIterator[bytes], *, content_type: str) -> int:
        """Store the blocks as one object in constant memory; its size in bytes."""
        ...

    async def read(self, source: Source, byte_start: int, byte_end: int) -> bytes:
        """The bytes `byte_start` to `byte_end` (half-open) of the text, exactly.

        Raises DocumentMissing; DocumentUnreadable when it is shorter, or is not the version that was accepted.
        """
        ...

    async def delete(self, key: str, *, version: str | None = None) -> None:
        """Delete an object; one that is gone already is fine."""
        ...

    async def presign(self, key: str, *, seconds: int) -> str:
        """A URL under which anyone may read the object for so long."""
        ...


class Uploads(Protocol):
    """The way into the bucket for those who have a signed URL, and multipart uploads. Raises DocumentsUnavailable."""

    async def offer(self, key: str, *, size: int, sha256: str, content_type: str, seconds: int) -> Offer:
        """A PUT of exactly this object, signed: once (`If-None-Match: *`), for so long. `sha256` in hex."""
        ...

    async def begin(self, key: str, *, content_type: str, from_client: bool) -> str:
        """Begin a multipart upload: its id. `from_client`: parts carry SHA-256s, and the object is tagged unclaimed."""
        ...

    async def offer_parts(
        self, key: str, upload_id: str, parts: Mapping[int, PartSize], *, seconds: int
    ) -> dict[int, Offer]:
        """A signed PUT for each of these parts, by number (from 1)."""
        ...

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> StoredPart: ...

    async def parts(self, key: str, upload_id: str) -> dict[int, StoredPart] | None:
        """The parts that are there, by number; None: there is no such upload (any more)."""
        ...

    async def complete(self, key: str, upload_id: str, parts: Mapping[int, StoredPart], *, once: bool) -> None:
        """Make the object of its parts; of one that is there already (`once`), or an upload that is gone: nothing."""
        ...

    async def abort(self, key: str, upload_id: str) -> None:
        """End a multipart upload; one that is gone is fine."""
        ...

    async def look(self, key: str) -> Stored | None:
        """What lies there; None: nothing."""
        ...

    async def keep(self, source: Source) -> None:
        """Take the tag off, so that no lifecycle rule takes an upload for unclaimed. Raises DocumentMissing."""
        ...


class Queues(Protocol):
    """The three queues. A send that returns has been taken by the queue."""

    async def check(self) -> None:
        """Raise Misconfigured when a queue that a request sends to does not exist; nothing while that is unknown."""

    async def send_chunks(self, hints: Sequence[ChunkHint], *, delay: int = 0) -> None:
        """One message a chunk, in batches; `delay` in whole seconds, at most 900. Every hint names its owner."""
        ...

    async def send_plan(self, hint: PlanHint) -> None: ...

    async def send_finalize(self, job_id: str, run: int) -> None: ...

    async def chunk_queue_is_empty(self) -> bool:
        """Whether visible, in flight and delayed are all 0."""
        ...

    async def hold_back(self, receipt_handles: Sequence[tuple[str, int]]) -> None:
        """Set the visibility timeout (seconds) of chunk messages that stay in the queue. Best effort."""
        ...


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
