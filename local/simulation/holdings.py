"""What is kept, for whom, and what becomes of it: uploads, objects and deletions. Pure; what is wrong, a Violation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from functions.core.jobs import JobStatus
from functions.core.keys import records_key, upload_key
from functions.core.settings import Settings
from local.simulation.rows import ACTIVE, ChunkRow, DocumentRow, Documents, JobRow, Jobs
from local.simulation.story import Violation

_DAY = 86_400_000


def counted(jobs: Jobs, documents: Documents) -> None:
    """An upload counts its jobs, each of which has the version that is pinned."""
    held = Counter(job.document_id for job in jobs.values() if job.document_id)
    for document_id in held.keys() - documents.keys():
        raise Violation(f"{document_id} is gone, and {held[document_id]} of its jobs are there")
    for document in documents.values():
        if document.jobs != held[document.document_id]:
            raise Violation(f"{document.document_id} counts {document.jobs} jobs and has {held[document.document_id]}")
    for job in jobs.values():
        pinned = documents[job.document_id].etag if job.document_id else None
        if job.document_id and job.document_encoding is None and job.document_etag != pinned:
            raise Violation(f"{job.job_id} analyses {job.document_etag}, and {pinned} is pinned")


def kept(job: JobRow, tags: Mapping[str, str]) -> None:
    """Whoever has looked at an upload has taken its tag off, or the bucket would let it go."""
    if upload_key(job.document_id or "") in tags:
        raise Violation(f"{job.job_id} was looked at, and {job.document_id} still bears its tag")


def job_may_go(job: JobRow, settings: Settings, now: int, *, asked: bool) -> None:
    """A job goes when somebody asked for that, or when it was kept long enough. Times in milliseconds."""
    until = None if job.finished_at is None else job.finished_at + settings.retention_days * _DAY
    over = settings.retention_days and job.status not in ACTIVE and until is not None and until <= now
    if not asked and not over:
        raise Violation(f"{job.job_id} is gone: {job.status}, ended at {job.finished_at}; it is {now}")


def document_may_go(document: DocumentRow, now: int) -> None:
    """An upload goes with its last job, or when its time is over and it never had one."""
    if document.jobs > 1 or (document.jobs == 0 and document.expires_at > now):
        raise Violation(f"{document} is gone; it is {now}")


def noted(gone: Iterable[str], objects: Mapping[str, bytes], deletions: set[str]) -> None:
    """What belongs to something deleted is to be deleted too."""
    left = {key for key in objects if key.split("/")[1] in set(gone)} - deletions
    if left:
        raise Violation(f"deleted, and nothing says that these must go: {sorted(left)}")


def recorded(job: JobRow, rows: list[ChunkRow], objects: Mapping[str, bytes]) -> None:
    """The NDJSON of a result, where it lies in the bucket: a line for each chunk, in order."""
    if job.records_bytes is None or job.status == JobStatus.CANCELLED:
        return
    data = objects[records_key(job.job_id, job.run)]
    lines = [json.loads(line) for line in data.splitlines()]
    said = [
        (line["chunk_index"], line["status"], line["char_start"], line["char_end"], line["result"]) for line in lines
    ]
    wanted = [(row.chunk_index, row.status, row.char_start, row.char_end, row.result) for row in rows]
    if len(data) != job.records_bytes or said != wanted:
        raise Violation(f"the records of {job.job_id} are not its chunks in order")
