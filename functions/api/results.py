"""The whole result of a job: as one text, or as records, a line of JSON a chunk."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response

from functions.api.answers import KEPT, answer, unchanged
from functions.api.asking import parts_of
from functions.api.caching import weak_tag
from functions.api.cursors import FIRST
from functions.api.edge import is_head, link
from functions.api.job_page import polling, tag
from functions.core.errors import Rejected
from functions.core.jobs import ACTIVE_JOB
from functions.core.keys import records_key
from functions.core.model import JobView, Source
from functions.core.records import CONTENT_TYPE, record
from functions.core.wiring import Parts

TEXT = "text/plain"
RECORDS = CONTENT_TYPE
FORMS = {TEXT: TEXT, RECORDS: RECORDS, "application/ndjson": RECORDS}
"""By what a client may accept."""

_MEDIA_TYPES = {TEXT: "text/plain; charset=utf-8", RECORDS: RECORDS}
_LINK_SECONDS = 900
_PAGE = 1_000  # chunks read at a time
_BY_ACCEPT = {"vary": "accept"}


@dataclass(frozen=True, slots=True)
class _Place:
    key: str
    size: int


async def result_of(request: Request, job: JobView, form: str) -> Response:
    """The result in this form, or a redirect to it where it is larger than Lambda may return.

    A HEAD is not redirected: the URL is signed for a GET, and S3 refuses everything else.

    Raises Rejected (409) while the job runs, when it has no result, or one that only its chunks can tell;
    DocumentMissing when it is gone from the bucket. Raises Retryable.
    """
    parts = parts_of(request)
    place = _place(request, job, form)
    known = weak_tag(tag(job, parts.settings), form)
    if place and place.size > parts.settings.response_bytes:
        if is_head(request.scope):
            return unchanged(request, known, _BY_ACCEPT) or _head(known, place.size, form)
        url = await parts.documents.presign(place.key, seconds=_LINK_SECONDS)
        return Response(status_code=307, headers={"location": url, "cache-control": "no-store", **_BY_ACCEPT})
    if form == RECORDS and place is None:  # made of rows, which still move when a job was cancelled
        return answer(request, await _records(request, parts, job), headers=_BY_ACCEPT, media_type=RECORDS)
    same = unchanged(request, known, _BY_ACCEPT)
    if same:
        return same
    body = await parts.documents.read(Source(place.key), 0, place.size) if place else _inline(job)
    return answer(request, body, tag=known, headers=_BY_ACCEPT, media_type=_MEDIA_TYPES[form])


def _place(request: Request, job: JobView, form: str) -> _Place | None:
    """Where it lies, if in the bucket. Raises Rejected (409) when there is none."""
    if job.status in ACTIVE_JOB:
        raise _still_running(request, job)
    if form == RECORDS and job.progress.total is not None:
        return None if job.records_bytes is None else _Place(records_key(job.job_id, job.run), job.records_bytes)
    if form == TEXT and job.result_key is not None and job.result_bytes is not None:
        return _Place(job.result_key, job.result_bytes)
    if form == TEXT and job.analysis_result is not None:
        return None
    raise _no_result(request, job)


def _inline(job: JobView) -> bytes:
    return (job.analysis_result or "").encode()


def _head(known: str, size: int, form: str) -> Response:
    about = {"etag": known, "content-length": str(size), "content-type": _MEDIA_TYPES[form], **_BY_ACCEPT}
    return Response(headers={**KEPT, **about})


async def _records(request: Request, parts: Parts, job: JobView) -> bytes:
    """Page by page, and never more than an answer holds: whatever has more is in the bucket, once it is finalized."""
    lines, limit, last = bytearray(), parts.settings.response_bytes, FIRST
    while page := await parts.store.chunk_page(
        job.job_id, after=last, limit=_PAGE, status=None, result_bytes=limit + 1 - len(lines)
    ):
        for chunk in page:
            if chunk.result is None and chunk.result_bytes:
                raise _in_chunks(request, job)
            lines += record(chunk)
            if len(lines) > limit:
                raise _in_chunks(request, job)
        last = page[-1].span.chunk_index
    return bytes(lines)


def _no_result(request: Request, job: JobView) -> Rejected:
    path = link(request.scope, f"/v1/analyze/{job.job_id}/chunks")
    chunks = f" What its chunks gave is at GET {path}" if job.planned_chunks else ""
    records = f", or here as {RECORDS}" if job.progress.total else ""
    way_out = f"{chunks}{records}." if chunks else ""
    return Rejected(409, "no-result", f"The job is {job.status} and has no result; its status says why.{way_out}")


def _still_running(request: Request, job: JobView) -> Rejected:
    return Rejected(
        409,
        "job-still-running",
        f"The job is {job.status}; its result is there when it has ended. Read the job's status until then, or its "
        "chunks, which are readable as they are done.",
        headers=polling(request, job),
    )


def _in_chunks(request: Request, job: JobView) -> Rejected:
    path = link(request.scope, f"/v1/analyze/{job.job_id}/chunks")
    return Rejected(
        409,
        "result-in-chunks",
        f"The job is {job.status}, so its results were never put together, and they are too large for one answer. "
        f"Read them page by page: GET {path}.",
    )
