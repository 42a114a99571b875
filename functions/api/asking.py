"""Who asks, for what, and whether they may."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Path, Request

from functions.api.accept import JSON, chosen
from functions.api.jobs import job_of
from functions.api.owners import owner_of
from functions.api.query import NoQuery, Q, read_query
from functions.core.errors import Rejected
from functions.core.model import JobView
from functions.core.wiring import Parts

JobId = Annotated[
    str,
    Path(
        description="As POST /v1/analyze gave it; anything else is not found.",
        examples=["01kan5d3q7m3x9v2t8r4w6y1z0bcde"],
        json_schema_extra={"pattern": "^[0-9A-Za-z]{1,64}$"},
    ),
]


def parts_of(request: Request) -> Parts:
    """What the app was made of."""
    return cast("Parts", request.app.state.parts)


def caller(request: Request) -> str:
    """The owner that this request speaks for. Raises Rejected (401)."""
    return owner_of(request.scope, parts_of(request).settings)


def asked_for(request: Request, kind: type[Q]) -> Q:
    """The query of a request whose answer is JSON. Raises Rejected (406, 422)."""
    chosen(request.headers.get("accept"), [JSON])
    return read_query(request.scope["query_string"], kind)


def no_query(request: Request) -> None:
    """Raises Rejected (422) naming the first parameter of a request that takes none."""
    read_query(request.scope["query_string"], NoQuery)


async def spare_body(request: Request) -> None:
    """A request that needs no body may have one; its size has the limit of all. Raises Rejected (413)."""
    limit, size = parts_of(request).settings.max_body_bytes, len(await request.body())
    if size > limit:
        detail = f"The body has {size:,} bytes, and at most {limit:,} are taken. This request needs none: leave it out."
        raise Rejected(413, "body-too-large", detail)


async def job_asked_for(request: Request, owner: str, job_id: str) -> JobView:
    """The caller's job. Raises Rejected (404)."""
    return await job_of(parts_of(request).store, owner, job_id)
