"""The HTTP API."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, FastAPI, Request, Response

from functions.api import docs, openapi, problems
from functions.api.edge import Edge, link
from functions.api.jobs import job_of
from functions.api.owners import owner_of
from functions.api.requests import JSON, accepts_json, parse
from functions.api.results import result_of
from functions.api.submit import submit
from functions.api.views import MOST_CHUNK_ERRORS, Accepted, Health, JobBody, accepted, job_body
from functions.core.errors import Rejected
from functions.core.jobs import ACTIVE_JOB
from functions.core.model import JobView
from functions.core.wiring import Parts

VERSION = "0.1.0"  # as in pyproject.toml; a Lambda bundle carries no package metadata
POLL_SECONDS = "1"

router = APIRouter()


def create_app(parts: Parts) -> FastAPI:
    """The app over a world; nothing is connected before a request needs it."""
    app = FastAPI(
        title="Piecewise",
        version=VERSION,
        description="Analyses documents of any size with an AI model, without blocking a caller or losing a chunk.",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.add_middleware(Edge)
    problems.install(app)
    app.include_router(router)
    return app


@router.post(
    "/v1/analyze",
    status_code=202,
    response_model=Accepted,
    responses={202: openapi.ACCEPTED, **openapi.problems(400, 401, 413, 415, 422, 503)},
    openapi_extra=openapi.analyze_request(),
)
async def analyze(request: Request) -> Response:
    """Accept a document for analysis: answers as soon as the job is durable, whatever the model's pace."""
    parts = _parts(request)
    owner = owner_of(request.scope, parts.settings)
    body = await request.body()
    query = request.scope["query_string"]
    submission = parse(request.headers, query, body, max_body_bytes=parts.settings.max_body_bytes)
    await parts.queues.check()
    job, total_chunks = await submit(parts, owner, submission)
    headers = {"location": link(request.scope, f"/v1/analyze/{job.job_id}"), "retry-after": POLL_SECONDS}
    return Response(accepted(job, total_chunks).model_dump_json(), 202, headers, JSON)


@router.get("/v1/analyze/{job_id}", response_model=JobBody, responses=openapi.problems(401, 404, 406, 503))
async def read_job(job_id: str, request: Request) -> Response:
    """A job's status, progress, errors, and its result once there is one."""
    if not accepts_json(request.headers.get("accept")):
        raise Rejected(406, "not-acceptable", "The answer is application/json; accept that, or leave Accept out.")
    parts = _parts(request)
    job = await _job(job_id, request)
    errors = await parts.store.chunk_errors(job_id, MOST_CHUNK_ERRORS + 1) if job.progress.failed else []
    body = job_body(job, errors, link(request.scope, f"/v1/analyze/{job_id}/result"))
    headers = {"retry-after": POLL_SECONDS} if job.status in ACTIVE_JOB else {}
    return Response(body.model_dump_json(), 200, headers, JSON)


@router.get(
    "/v1/analyze/{job_id}/result",
    response_class=Response,
    responses={200: openapi.TEXT_RESULT, 307: openapi.REDIRECT, **openapi.problems(401, 404, 409, 410, 503)},
)
async def read_result(job_id: str, request: Request) -> Response:
    """The whole result as text."""
    return await result_of(_parts(request), await _job(job_id, request))


@router.get("/health", response_model=Health)
async def health() -> Health:
    """Whether this function runs; asks nobody else."""
    return Health(version=VERSION)


@router.get("/docs", include_in_schema=False)
async def read_docs(request: Request) -> Response:
    """This contract as a page."""
    return Response(docs.page(request.app.openapi()), 200, docs.POLICY, docs.MEDIA_TYPE)


def _parts(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)


async def _job(job_id: str, request: Request) -> JobView:
    parts = _parts(request)
    return await job_of(parts.store, owner_of(request.scope, parts.settings), job_id)
