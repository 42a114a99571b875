"""What a caller may do with a job that is there: stop it, have its failed chunks tried again, erase it."""

from __future__ import annotations

from functions.api.announce import announce
from functions.api.jobs import job_of, may_be_id, no_job
from functions.core.disposal import MOST, Disposal
from functions.core.errors import Rejected
from functions.core.jobs import ACTIVE_JOB, RETRIABLE_JOB, JobStatus
from functions.core.logs import logger
from functions.core.model import JobView
from functions.core.uploads import Deletion
from functions.core.wiring import Parts

MOST_SENT = 1_000  # messages sent inside a request; the reconciler sends what is left


async def cancel(parts: Parts, owner: str, job_id: str) -> None:
    """Stop a job; stopping it again is fine. What its workers have under way is still stored and counted.

    Raises Rejected: 404 when there is no such job, 409 when it has ended already. Raises Retryable.
    """
    status = await _cancelled(parts, owner, job_id)
    while status in ACTIVE_JOB:  # a retry began it anew at this very moment
        status = await _cancelled(parts, owner, job_id)
    if status is None:
        raise no_job()
    if status is not JobStatus.CANCELLED:
        raise Rejected(409, "job-has-ended", f"The job is {status}: there is nothing left to stop.")
    logger.info("job cancelled", extra={"job_id": job_id})


async def retry(parts: Parts, owner: str, job_id: str) -> int:
    """Run a job's failed chunks again: commit, then send. The run that this began.

    Raises Rejected: 404 when there is no such job, 409 when it runs or has nothing that failed. Raises Retryable when
    the database is away; a queue that is away delays the run and no more.
    """
    job = await job_of(parts.store, owner, job_id)
    if job.status not in RETRIABLE_JOB:
        raise _not_retriable(job)
    retried = await parts.store.retry(job_id, owner, run=job.run, limit=MOST_SENT)
    if retried is None:  # deleted, or begun and ended by somebody else since we looked
        raise _not_retriable(await job_of(parts.store, owner, job_id))
    logger.info("job retried", extra={"job_id": job_id, "run": retried.run, "sent": len(retried.hints)})
    await announce(parts.queues, "retried", job_id, retried.plan, retried.hints)
    return retried.run


async def erase(parts: Parts, owner: str, job_id: str) -> None:
    """Delete a job in any state: its rows, then its objects. Workers that still have it meet silence.

    The objects at once as far as S3 answers soon; the reconciler deletes all of them once more.

    Raises Rejected (404) when there is no such job. Raises Retryable when the database is away.
    """
    left = await parts.store.delete(job_id, owner) if may_be_id(job_id) else None
    if left is None:
        raise no_job()
    logger.info("job deleted", extra={"job_id": job_id})
    await Disposal.over(parts.documents, parts.uploads, threads=parts.settings.threads).delete(_soonest(left))


async def _cancelled(parts: Parts, owner: str, job_id: str) -> JobStatus | None:
    return await parts.store.cancel(job_id, owner) if may_be_id(job_id) else None


def _not_retriable(job: JobView) -> Rejected:
    if job.status in ACTIVE_JOB:
        detail = f"The job is {job.status}; it can be retried when it has ended and a chunk of it has failed."
        return Rejected(409, "job-still-running", detail, headers={"retry-after": "1"})
    detail = f"The job is {job.status} (run {job.run}); one that ended FAILED or PARTIAL_SUCCESS can be retried."
    return Rejected(409, "nothing-to-retry", detail)


def _soonest(left: list[Deletion]) -> list[Deletion]:
    """What goes first of a job with many runs: its document, its newest results, its upload."""
    return left if len(left) <= MOST else [left[0], *left[1 - MOST :]]
