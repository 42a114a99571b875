"""What a client reads: its jobs, one by one and in pages, and their chunks."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal,
    select,
)

from functions.core.jobs import OPEN_CHUNK, ChunkStatus, JobStatus, Progress
from functions.core.model import ChunkError, ChunkView, Failure, JobView
from functions.core.store.counting import MOST, SPELT_OPEN
from functions.core.store.sizes import octets
from functions.core.store.submitting import span_of
from functions.core.store.tables import chunks, jobs

_JOB = select(jobs).where(jobs.c.job_id == bindparam("asked"), jobs.c.owner == bindparam("asking"))
_LISTED = [column for column in jobs.c if column not in {jobs.c.analysis_result, jobs.c.instructions}]


def read_job(connection: Connection, job_id: str, owner: str) -> JobView | None:
    """The job as its owner sees it; another owner's job is not there."""
    row = connection.execute(_JOB, {"asked": job_id, "asking": owner}).one_or_none()
    return _view(row, row.analysis_result) if row else None


def exists(connection: Connection, job_id: str) -> bool:
    """Whether there is such a job, whoever owns it."""
    return connection.scalar(select(jobs.c.job_id).where(jobs.c.job_id == job_id)) is not None


def list_jobs(
    connection: Connection, owner: str, *, status: JobStatus | None, before: str | None, limit: int
) -> list[JobView]:
    """A page of an owner's jobs, newest first: ids sort as they were made. Results are not even read.

    With a status as far back as it takes to find a page of it: for a rare one, through all the jobs of that owner.
    """
    page = select(*_LISTED).where(jobs.c.owner == owner).order_by(jobs.c.job_id.desc()).limit(limit)
    if before is not None:
        page = page.where(jobs.c.job_id < before)
    if status is not None:
        page = page.where(jobs.c.status == status)
    return [_view(row, None) for row in connection.execute(page)]


def read_chunk_errors(connection: Connection, job_id: str, limit: int) -> list[ChunkError]:
    """The first failed chunks in index order."""
    rows = connection.execute(
        select(chunks)
        .where(chunks.c.job_id == job_id, chunks.c.status == ChunkStatus.FAILED)
        .order_by(chunks.c.chunk_index)
        .limit(limit)
    )
    return [ChunkError(span_of(row), Failure(row.error_code, row.error_message), row.attempts) for row in rows]


def chunk_page(
    connection: Connection, job_id: str, *, after: int, limit: int, status: ChunkStatus | None, result_bytes: int
) -> list[ChunkView]:
    """A page of chunks in index order. Their sizes are read first, one by one, and then what fits of the results.

    A result never changes, so a size fits its text whenever that is read; only a whole job can go in between, and then
    nothing is shown of what is gone.
    """
    given = {"asked": job_id, "after": after, "most": limit}
    if not result_bytes:
        return [_chunk(row, None, None) for row in connection.execute(_page(status, sized=False), given)]
    rows: list[Row[Any]] = []
    fit: list[int] = []
    room = result_bytes
    with connection.execute(_page(status, sized=True), given) as sized:
        for row in sized:
            size = row.result_bytes or 0
            if size > room and rows:
                break
            rows.append(row)
            if row.result_bytes is not None and size <= room:
                room -= size
                fit.append(row.chunk_index)
    texts = _results(connection, job_id, fit)
    gone = set(fit) - texts.keys()
    return [_chunk(row, row.result_bytes, texts.get(row.chunk_index)) for row in rows if row.chunk_index not in gone]


@cache
def _page(status: ChunkStatus | None, *, sized: bool) -> Select[Any]:
    listed: list[ColumnElement[Any]] = [column for column in chunks.c if column is not chunks.c.result]
    if sized:
        listed.append(octets(chunks.c.result).label("result_bytes"))
    page = select(*listed).where(
        chunks.c.job_id == bindparam("asked"), chunks.c.chunk_index > bindparam("after", type_=Integer)
    )
    if status is not None:
        page = page.where(_is(status))
    return page.order_by(chunks.c.chunk_index).limit(MOST)


def _is(status: ChunkStatus) -> ColumnElement[bool]:
    """The condition in a form in which both databases see which partial index serves it."""
    here = chunks.c.status == literal(str(status), String, literal_execute=True)
    return and_(SPELT_OPEN, here) if status in OPEN_CHUNK else here


def _results(connection: Connection, job_id: str, indexes: list[int]) -> dict[int, str]:
    """The results of just these chunks, by index: those between them may be larger than a page."""
    if not indexes:
        return {}
    found = connection.execute(_RESULTS, {"asked": job_id, "fit": indexes})
    return {row.chunk_index: row.result for row in found}


_RESULTS = select(chunks.c.chunk_index, chunks.c.result).where(
    chunks.c.job_id == bindparam("asked"),
    # written out: a thousand placeholders make a statement that pins
    chunks.c.chunk_index.in_(bindparam("fit", type_=Integer, expanding=True, literal_execute=True)),
)


def finished_prefix(connection: Connection, job_id: str) -> int:
    """Terminal chunks from the first one on without a gap: those before the first open one, or all there are."""
    return connection.execute(_PREFIX, {"asked": job_id}).scalar_one()


_HERE = chunks.c.job_id == bindparam("asked")
_FIRST_OPEN = select(chunks.c.chunk_index).where(_HERE, SPELT_OPEN).order_by(chunks.c.chunk_index).limit(1)
_ALL = select(func.max(chunks.c.chunk_index) + 1).where(_HERE)
_PREFIX: Select[int] = select(func.coalesce(_FIRST_OPEN.scalar_subquery(), _ALL.scalar_subquery(), 0))


def _chunk(row: Row[Any], result_bytes: int | None, result: str | None) -> ChunkView:
    return ChunkView(
        span=span_of(row),
        status=ChunkStatus(row.status),
        attempts=row.attempts,
        result=result,
        result_bytes=result_bytes,
        failure=Failure(row.error_code, row.error_message) if row.error_code else None,
        finished_at=row.finished_at,
    )


def _view(row: Row[Any], analysis_result: str | None) -> JobView:
    return JobView(
        job_id=row.job_id,
        status=JobStatus(row.status),
        run=row.run,
        progress=Progress(row.total_chunks, row.chunks_completed, row.chunks_failed),
        model=row.model,
        max_chunk_chars=row.max_chunk_chars,
        max_attempts=row.max_attempts,
        document_chars=row.document_chars,
        document_bytes=row.document_bytes,
        bom_removed=bool(row.bom_removed),
        error=Failure(row.error_code, row.error_message) if row.error_code else None,
        error_summary=row.error_summary,
        analysis_result=analysis_result,
        result_key=row.result_key,
        result_bytes=row.result_bytes,
        records_bytes=row.records_bytes,
        planned_chunks=row.plan_chunk,
        overlap_chars=row.overlap_chars,
        document_id=row.document_id,
        encoding=row.document_encoding,
        created_at=row.created_at,
        started_at=row.started_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
