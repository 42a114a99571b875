"""What anybody may ask: whether the function runs, and what the API offers."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request, Response

from functions.api import docs, openapi
from functions.api.answers import answer
from functions.api.contract import Contract
from functions.api.version import VERSION
from functions.api.views import Health

router = APIRouter()


@router.get(
    "/health",
    operation_id="readHealth",
    response_model=Health,
    responses={**openapi.found("It runs"), **openapi.refusals()},
    openapi_extra={"parameters": [openapi.IF_NONE_MATCH]},
)
async def read_health(request: Request) -> Response:
    """Whether this function runs; asks nobody else."""
    return answer(request, Health(version=VERSION).model_dump_json().encode())


@router.get("/openapi.json", include_in_schema=False)
async def read_openapi(request: Request) -> Response:
    """This contract for programs."""
    return answer(request, _contract(request).written(str(request.scope.get("root_path", ""))), headers=docs.KEPT)


@router.get("/docs", include_in_schema=False)
async def read_docs(request: Request) -> Response:
    """This contract as a page."""
    return answer(request, _contract(request).page, headers=docs.POLICY, media_type=docs.MEDIA_TYPE)


def _contract(request: Request) -> Contract:
    return cast("Contract", request.app.state.contract)
