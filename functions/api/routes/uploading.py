"""Documents that do not fit into a request: announced here, sent to the bucket under signed URLs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from functions.api import openapi, openapi_in, uploads
from functions.api.accept import JSON
from functions.api.announcement import parse
from functions.api.answers import answer
from functions.api.arrival import document_of
from functions.api.asking import asked_for, caller, parts_of
from functions.api.document_views import DocumentBody
from functions.api.edge import link
from functions.api.query import NoQuery

router = APIRouter()
_SECRET = {"cache-control": "no-store"}  # whoever reads a signed URL may use it

DocumentId = Annotated[
    str,
    Path(
        description="As POST /v1/documents gave it; anything else is not found.",
        examples=[openapi_in.DOCUMENT_ID],
        json_schema_extra={"pattern": "^[0-9A-Za-z]{1,64}$"},
    ),
]


@router.post(
    "/v1/documents",
    operation_id="announceDocument",
    status_code=201,
    response_model=DocumentBody,
    responses=openapi_in.ANNOUNCED,
    openapi_extra=openapi_in.announcement(),
)
async def announce(request: Request) -> Response:
    """Announce a document that is to be uploaded: answers with the URLs to send it to."""
    parts, owner = parts_of(request), caller(request)
    body, query = await request.body(), request.scope["query_string"]
    made = await uploads.offer(
        parts, owner, parse(request.headers, query, body, parts.settings), now=request.app.state.now()
    )
    headers = {"location": link(request.scope, f"/v1/documents/{made.document_id}"), **_SECRET}
    return Response(made.model_dump_json(), 201, headers, JSON)


@router.get(
    "/v1/documents/{document_id}",
    operation_id="readDocument",
    response_model=DocumentBody,
    responses=openapi_in.DOCUMENT,
    openapi_extra={"parameters": [openapi.IF_NONE_MATCH]},
)
async def read_document(document_id: DocumentId, request: Request) -> Response:
    """An upload, and fresh URLs for what of it is missing."""
    parts, owner = parts_of(request), caller(request)
    asked_for(request, NoQuery)
    document = await document_of(parts.store, owner, document_id)
    body = await uploads.as_it_is(parts, document, now=request.app.state.now())
    return answer(request, body.model_dump_json().encode(), headers=_SECRET)
