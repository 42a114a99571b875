"""One job."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.api import openapi
from functions.api.answers import answer, unchanged
from functions.api.asking import JobId, asked_for, caller, job_asked_for, parts_of
from functions.api.job_page import job_page, polling, tag
from functions.api.query import NoQuery
from functions.api.views import JobBody

router = APIRouter()


@router.get(
    "/v1/analyze/{job_id}",
    operation_id="readJob",
    response_model=JobBody,
    responses={
        **openapi.found("The job as it is now", headers=openapi.RETRY_AFTER),
        **openapi.refusals(openapi.UNAUTHENTICATED, openapi.NO_JOB, openapi.NOT_JSON, openapi.BAD_QUERY),
    },
    openapi_extra={"parameters": [openapi.IF_NONE_MATCH]},
)
async def read_job(job_id: JobId, request: Request) -> Response:
    """A job's status, progress, errors, and its result once there is one.

    While it runs, Retry-After says when to ask again; with If-None-Match a poll that finds nothing new costs little.
    """
    parts = parts_of(request)
    owner = caller(request)
    asked_for(request, NoQuery)
    job = await job_asked_for(request, owner, job_id)
    known, headers = tag(job, parts.settings), polling(request, job)
    same = unchanged(request, known, headers)
    return same or answer(request, await job_page(request, job), tag=known, headers=headers)
