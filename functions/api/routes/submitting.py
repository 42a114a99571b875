"""A document in, a job out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.api import openapi_in
from functions.api.accept import JSON
from functions.api.asking import caller, parts_of
from functions.api.edge import link
from functions.api.idempotency import key_of
from functions.api.pace import SOONEST
from functions.api.requests import parse
from functions.api.submit import submit
from functions.api.views import Accepted, accepted, accepted_before
from functions.core.model import NewJob

router = APIRouter()


@router.post(
    "/v1/analyze",
    operation_id="analyze",
    status_code=202,
    response_model=Accepted,
    responses=openapi_in.ACCEPTED,
    openapi_extra=openapi_in.analysis(),
)
async def analyze(request: Request) -> Response:
    """Accept a document for analysis: answers as soon as the job is durable, whatever the model's pace.

    The document stands in the body, or was uploaded before (POST /v1/documents).
    """
    parts, owner = parts_of(request), caller(request)
    body, query = await request.body(), request.scope["query_string"]
    submission = parse(request.headers, query, body, max_body_bytes=parts.settings.max_body_bytes)
    key = key_of(request.headers)
    await parts.queues.check()
    job, total_chunks = await submit(parts, owner, submission, key)
    headers = {"location": link(request.scope, f"/v1/analyze/{job.job_id}"), "retry-after": str(SOONEST)}
    if isinstance(job, NewJob):
        return Response(accepted(job, total_chunks).model_dump_json(), 202, headers, JSON)
    headers["idempotency-replayed"] = "true"
    return Response(accepted_before(job).model_dump_json(), 202, headers, JSON)
