"""What a caller may do with a job that is there."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.api import control, openapi
from functions.api.accept import JSON
from functions.api.asking import JobId, caller, job_asked_for, no_query, parts_of, spare_body
from functions.api.edge import link
from functions.api.job_page import job_page, polling
from functions.api.views import JobBody, Retried

router = APIRouter()
_REFUSALS = (openapi.UNAUTHENTICATED, openapi.NO_JOB, openapi.TOO_LARGE, openapi.BAD_QUERY)


@router.post(
    "/v1/analyze/{job_id}/retry",
    operation_id="retryJob",
    status_code=202,
    response_model=Retried,
    responses={
        202: {
            "description": "The failed chunks run again, as the job's next run",
            "headers": {**openapi.REQUEST_ID, **openapi.LOCATION, **openapi.RETRY_AFTER},
            "links": openapi.JOB_LINKS,
        },
        **openapi.refusals(
            *_REFUSALS,
            {
                409: {
                    "job-still-running": "The job has not ended yet; see Retry-After",
                    "nothing-to-retry": "The job ended COMPLETED or CANCELLED",
                }
            },
        ),
    },
)
async def retry(job_id: JobId, request: Request) -> Response:
    """Run the failed chunks of an ended job again: what is completed stays, and the result is put together anew."""
    parts = parts_of(request)
    owner = await _asks(request)
    run = await control.retry(parts, owner, job_id)
    job = await job_asked_for(request, owner, job_id)
    body = Retried(job_id=job_id, status=job.status, run=run, total_chunks=job.progress.total)
    headers = {"location": link(request.scope, f"/v1/analyze/{job_id}"), "retry-after": "1"}
    return Response(body.model_dump_json(), 202, headers, JSON)


@router.post(
    "/v1/analyze/{job_id}/cancel",
    operation_id="cancelJob",
    response_model=JobBody,
    responses={
        200: {"description": "The job, CANCELLED now or before", "headers": openapi.REQUEST_ID},
        **openapi.refusals(*_REFUSALS, {409: {"job-has-ended": "There is nothing left to stop"}}),
    },
)
async def cancel(job_id: JobId, request: Request) -> Response:
    """Stop a job; stopping it again is fine. What its workers have under way is still stored and counted."""
    owner = await _asks(request)
    await control.cancel(parts_of(request), owner, job_id)
    job = await job_asked_for(request, owner, job_id)
    return Response(await job_page(request, job), 200, polling(request, job), JSON)


@router.delete(
    "/v1/analyze/{job_id}",
    operation_id="deleteJob",
    status_code=204,
    response_class=Response,
    responses={
        204: {"description": "It is gone", "headers": openapi.REQUEST_ID},
        **openapi.refusals(*_REFUSALS),
    },
)
async def erase(job_id: JobId, request: Request) -> Response:
    """Erase a job in any state: its rows, its document and its results; an upload goes with its last job."""
    owner = await _asks(request)
    await control.erase(parts_of(request), owner, job_id)
    return Response(status_code=204)


async def _asks(request: Request) -> str:
    owner = caller(request)
    no_query(request)
    await spare_body(request)
    return owner
