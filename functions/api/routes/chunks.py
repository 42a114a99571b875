"""The chunks of a job with their results."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from functions.api import openapi
from functions.api.answers import shown
from functions.api.asking import JobId, asked_for, caller, job_asked_for, parts_of
from functions.api.chunk_views import ChunksPage, chunk_body
from functions.api.cursors import ChunkCursor, chunk_of
from functions.api.job_page import polling
from functions.api.pages import RESULT_BYTES, finished_prefix, fitting, where
from functions.api.strict import STRICT
from functions.core.jobs import ChunkStatus

router = APIRouter()


class ChunksQuery(BaseModel):
    """What chunks may be asked for."""

    model_config = STRICT

    after: ChunkCursor = None
    limit: int = Field(100, ge=1, le=1000, description="Most chunks on a page; large results make it shorter.")
    status: Annotated[ChunkStatus | None, Field(strict=False, description="Only chunks in this state.")] = None


@router.get(
    "/v1/analyze/{job_id}/chunks",
    operation_id="readChunks",
    response_model=ChunksPage,
    responses={
        **openapi.found("A page of chunks with their results", headers=openapi.RETRY_AFTER),
        **openapi.refusals(openapi.UNAUTHENTICATED, openapi.NO_JOB, openapi.NOT_JSON, openapi.BAD_QUERY),
    },
    openapi_extra=openapi.parameters(ChunksQuery, openapi.IF_NONE_MATCH),
)
async def read_chunks(job_id: JobId, request: Request) -> Response:
    """Chunks in order with their results, readable while the job runs.

    `finished_prefix` says how many from the first one on are done for good. Where `next_cursor` is null and the job
    still runs, ask again with the same `after`.
    """
    parts = parts_of(request)
    owner = caller(request)
    asked = asked_for(request, ChunksQuery)
    job = await job_asked_for(request, owner, job_id)
    prefix = await finished_prefix(parts.store, job)
    found = await parts.store.chunk_page(
        job_id, after=chunk_of(asked.after), limit=asked.limit, status=asked.status, result_bytes=RESULT_BYTES
    )
    items = fitting(found, chunk_body)
    around = await where(parts.store, job, prefix, found[: len(items)], asked.after, asked.status)
    return shown(request, ChunksPage(items=items, **around), polling(request, job))
