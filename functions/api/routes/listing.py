"""A caller's jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from functions.api import openapi
from functions.api.answers import shown
from functions.api.asking import asked_for, caller, parts_of
from functions.api.cursors import JobCursor, after_job, job_of
from functions.api.edge import link
from functions.api.strict import STRICT
from functions.api.views import JobList, job_summary
from functions.core.jobs import JobStatus

router = APIRouter()


class ListQuery(BaseModel):
    """What a list may be asked for."""

    model_config = STRICT

    after: JobCursor = None
    limit: int = Field(20, ge=1, le=100, description="Most jobs on a page.")
    status: Annotated[JobStatus | None, Field(strict=False, description="Only jobs in this state.")] = None


@router.get(
    "/v1/analyze",
    operation_id="listJobs",
    response_model=JobList,
    responses={
        **openapi.found("A page of jobs, without their results and errors"),
        **openapi.refusals(openapi.UNAUTHENTICATED, openapi.NOT_JSON, openapi.BAD_QUERY),
    },
    openapi_extra=openapi.parameters(ListQuery, openapi.IF_NONE_MATCH),
)
async def list_jobs(request: Request) -> Response:
    """The caller's jobs, newest first."""
    parts = parts_of(request)
    owner = caller(request)
    asked = asked_for(request, ListQuery)
    before = job_of(asked.after)
    found = await parts.store.list_jobs(owner, status=asked.status, before=before, limit=asked.limit + 1)
    days = parts.settings.retention_days
    items = [
        job_summary(job, link(request.scope, f"/v1/analyze/{job.job_id}/result"), retention_days=days)
        for job in found[: asked.limit]
    ]
    more = len(found) > asked.limit
    return shown(request, JobList(items=items, next_cursor=after_job(items[-1].job_id) if more else None))
