"""A job as an answer: its body, its tag, and when to ask again."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request

from functions.api.asking import parts_of
from functions.api.caching import weak_tag
from functions.api.edge import link
from functions.api.fitting import MOST_BYTES
from functions.api.pace import retry_after
from functions.api.version import VERSION
from functions.api.views import MOST_CHUNK_ERRORS, expires_at, job_body
from functions.core.jobs import ACTIVE_JOB
from functions.core.model import JobView
from functions.core.settings import Settings


async def job_page(request: Request, job: JobView) -> bytes:
    """The body in JSON; a result that would make it larger than Lambda answers is behind `result_url` instead."""
    parts = parts_of(request)
    errors = await parts.store.chunk_errors(job.job_id, MOST_CHUNK_ERRORS + 1) if job.progress.failed else []
    url = link(request.scope, f"/v1/analyze/{job.job_id}/result")
    whole = job_body(job, errors, url, retention_days=parts.settings.retention_days)
    written = whole.model_dump_json().encode()
    if len(written) <= MOST_BYTES or job.analysis_result is None:
        return written
    return whole.model_copy(update={"analysis_result": None, "result_url": url}).model_dump_json().encode()


def tag(job: JobView, settings: Settings) -> str:
    """From the row alone: whatever else an answer shows moves together with a counter or a time in it.

    Weak, for the errors are read after the row.
    """
    row = replace(job, analysis_result=None)  # said by run and status, and it may be large
    return weak_tag(VERSION, row, expires_at(job, settings.retention_days))


def polling(request: Request, job: JobView) -> dict[str, str]:
    """When to ask for a running job again."""
    if job.status not in ACTIVE_JOB:
        return {}
    return {"retry-after": str(retry_after(job, request.app.state.now()))}
