"""The whole result of a job as one text."""

from __future__ import annotations

import json

from fastapi import Response
from fastapi.responses import RedirectResponse

from functions.core.errors import Rejected
from functions.core.jobs import ACTIVE_JOB
from functions.core.model import JobView, Source
from functions.core.wiring import Parts

# Lambda returns 6 MB (6,291,556 bytes) at most, counted on the response event, in which the body is a JSON string.
_EVENT_BYTES = 6_200_000
_LINK_SECONDS = 900
_MEDIA_TYPE = "text/plain; charset=utf-8"


async def result_of(parts: Parts, job: JobView) -> Response:
    """The result as text, or a redirect to it where it is larger than Lambda may return.

    Raises Rejected (409) while the job runs or when it has no result, DocumentMissing when the result is gone.
    """
    if job.analysis_result is not None:
        return Response(job.analysis_result, media_type=_MEDIA_TYPE)
    if job.result_key is None or job.result_bytes is None:
        raise _no_result(job)
    if job.result_bytes <= parts.settings.response_bytes:
        data = await parts.documents.read(Source(job.result_key), 0, job.result_bytes)
        if _event_size(data) <= _EVENT_BYTES:
            return Response(data, media_type=_MEDIA_TYPE)
    return RedirectResponse(await parts.documents.presign(job.result_key, seconds=_LINK_SECONDS), status_code=307)


def _event_size(data: bytes) -> int:
    return len(json.dumps(data.decode(), ensure_ascii=False).encode())


def _no_result(job: JobView) -> Rejected:
    if job.status in ACTIVE_JOB:
        return Rejected(
            409,
            "job-still-running",
            f"The job is {job.status}; its result is there when it has ended. Read the job's status until then.",
            headers={"retry-after": "1"},
        )
    return Rejected(409, "no-result", f"The job is {job.status} and has no result; its status says why.")
