"""The spans of a job's document: the proof that nothing of it is missing and nothing stands twice."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from functions.api import openapi
from functions.api.answers import shown
from functions.api.asking import JobId, asked_for, caller, job_asked_for, parts_of
from functions.api.chunk_views import CoveragePage, coverage_span
from functions.api.cursors import ChunkCursor, chunk_of
from functions.api.job_page import polling
from functions.api.pages import finished_prefix, fitting, where
from functions.api.strict import STRICT
from functions.api.views import document_bytes, document_chars

router = APIRouter()


class CoverageQuery(BaseModel):
    """Which spans may be asked for."""

    model_config = STRICT

    after: ChunkCursor = None
    limit: int = Field(1000, ge=1, le=10_000, description="Most spans on a page.")


@router.get(
    "/v1/analyze/{job_id}/coverage",
    operation_id="readCoverage",
    response_model=CoveragePage,
    responses={
        **openapi.found("A page of spans", headers=openapi.RETRY_AFTER),
        **openapi.refusals(openapi.UNAUTHENTICATED, openapi.NO_JOB, openapi.NOT_JSON, openapi.BAD_QUERY),
    },
    openapi_extra=openapi.parameters(CoverageQuery, openapi.IF_NONE_MATCH),
)
async def read_coverage(job_id: JobId, request: Request) -> Response:
    """Which part of the document each chunk is, in what state, and the SHA-256 of its text.

    Over all pages each span begins where the one before ends, and the last ends where the document does.
    """
    parts = parts_of(request)
    owner = caller(request)
    asked = asked_for(request, CoverageQuery)
    job = await job_asked_for(request, owner, job_id)
    prefix = await finished_prefix(parts.store, job)
    found = await parts.store.chunk_page(
        job_id, after=chunk_of(asked.after), limit=asked.limit, status=None, result_bytes=0
    )
    items = fitting(found, coverage_span)
    around = await where(parts.store, job, prefix, found[: len(items)], asked.after, None)
    around |= {"document_chars": document_chars(job), "document_bytes": document_bytes(job)}
    return shown(request, CoveragePage(items=items, **around), polling(request, job))
