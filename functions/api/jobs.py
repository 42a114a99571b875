"""A caller's job, or the refusal that there is none."""

from __future__ import annotations

from functions.core.errors import Rejected
from functions.core.model import JobView
from functions.core.store_port import Store

_LONGEST_ID = 64


async def job_of(store: Store, owner: str, job_id: str) -> JobView:
    """The owner's job. Raises Rejected (404) for an id that is unknown, another owner's, or no id at all."""
    job = await store.job(job_id, owner) if may_be_id(job_id) else None
    if job is None:
        raise no_job()
    return job


def may_be_id(job_id: str) -> bool:
    """Whether it looks like a job's id; nothing else is asked for in the database."""
    return job_id.isascii() and job_id.isalnum() and len(job_id) <= _LONGEST_ID


def no_job() -> Rejected:
    """Unknown and another owner's are the same."""
    return Rejected(
        404,
        "job-not-found",
        "There is no such job of yours. Check the id that POST /v1/analyze gave, and whose credentials you use.",
    )
