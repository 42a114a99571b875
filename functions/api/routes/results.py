"""The whole result of a job, as text or chunk by chunk."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.api import examples, openapi
from functions.api.accept import chosen
from functions.api.asking import JobId, caller, job_asked_for, no_query
from functions.api.results import FORMS, RECORDS, TEXT, result_of

router = APIRouter()

_VARY = {"Vary": openapi.header("`accept`: it chooses the form.", example="accept")}
_LINK = openapi.header("A signed URL that is good for 15 minutes, for a GET. Follow it without Authorization.")


@router.get(
    "/v1/analyze/{job_id}/result",
    operation_id="readResult",
    response_class=Response,
    responses={
        **openapi.found(
            "The whole result: the chunks' results as one text, or a line of JSON for each chunk",
            headers=_VARY,
            content={TEXT: openapi.text(examples.TEXT), RECORDS: openapi.text(examples.RECORDS)},
        ),
        307: {
            "description": "It is larger than Lambda answers, and lies in the bucket",
            "headers": {**openapi.REQUEST_ID, **_VARY, "Location": _LINK},
        },
        **openapi.refusals(
            openapi.UNAUTHENTICATED,
            openapi.NO_JOB,
            openapi.BAD_QUERY,
            {
                406: {"not-acceptable": "The Accept header excludes text/plain and application/x-ndjson"},
                409: {
                    "job-still-running": "The job has not ended yet; see Retry-After",
                    "no-result": "The job ended without a result; its status says why",
                    "result-in-chunks": "It was never put together and is too large for an answer: read the chunks",
                },
                410: {"result-gone": "The stored result has been deleted"},
            },
        ),
    },
    openapi_extra={"parameters": [openapi.IF_NONE_MATCH]},
)
async def read_result(job_id: JobId, request: Request) -> Response:
    """The whole result: `Accept: text/plain` (or none), or `application/x-ndjson` for every chunk with its state.

    One that is larger than Lambda answers is a redirect to a signed URL, but for a HEAD, which tells its length.
    """
    owner = caller(request)
    form = FORMS[chosen(request.headers.get("accept"), list(FORMS))]
    no_query(request)
    return await result_of(request, await job_asked_for(request, owner, job_id), form)
