"""Errors as RFC 9457 problem details: what happened, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.core.errors import (
    DocumentMissing,
    DocumentsUnavailable,
    Misconfigured,
    QueueUnavailable,
    Rejected,
    Retryable,
    StoreUnavailable,
)
from functions.core.logs import logger
from functions.core.settings import PREFIX

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:piecewise:problem:"
RETRY_SECONDS = "5"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Where a service is said to be: for whoever reads the log and wonders whether it is away or was never there.
_SETTINGS: dict[type[Exception], str] = {
    StoreUnavailable: f"{PREFIX}DATABASE_URL",
    QueueUnavailable: f"{PREFIX}PLAN_QUEUE, {PREFIX}CHUNK_QUEUE",
    DocumentsUnavailable: f"{PREFIX}BUCKET",
}


class FieldError(BaseModel):
    """One field that is to blame; `body` and `query` stand for the whole of them."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description=f"What kind of problem it is: {TYPE_PREFIX} and a short name.")
    title: str
    status: int
    detail: str = Field(description="The cause, and the way out.")
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldError] | None = None


def problem(scope: Mapping[str, Any], rejected: Rejected) -> Response:
    """The answer to a request that is refused."""
    body: dict[str, object] = {
        "type": TYPE_PREFIX + rejected.slug,
        "title": rejected.slug.replace("-", " ").capitalize(),
        "status": rejected.status,
        "detail": rejected.detail,
        "instance": quote(str(scope["path"])),
    }
    if rejected.errors:
        body["errors"] = rejected.errors
    return Response(json.dumps(body), rejected.status, rejected.headers, MEDIA_TYPE)


def refusal(rejected: Rejected) -> ASGIApp:
    """An app that refuses everything."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await problem(scope, rejected)(scope, receive, send)

    return app


def internal_error() -> Rejected:
    """For a bug: nothing about it leaves the house."""
    return Rejected(
        500, "internal-error", "Something went wrong on our side. Try again; if it stays, report the x-request-id."
    )


def misconfigured() -> Rejected:
    """For a deployment that cannot work: its log says why, the client learns only that the request is not at fault."""
    return Rejected(
        503,
        "misconfigured",
        "This deployment is not configured right, its log says how. Try again when it has been mended.",
        headers={"retry-after": "60"},
    )


def install(app: FastAPI) -> None:
    """Every error that a route raises on purpose becomes a problem."""
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(Retryable, _unavailable)
    app.add_exception_handler(Misconfigured, _misconfigured)
    app.add_exception_handler(DocumentMissing, _gone)
    app.add_exception_handler(HTTPException, _routing)


async def _rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    return problem(request.scope, error)


async def _unavailable(request: Request, error: Exception) -> Response:
    said = {"error": type(error).__name__, "reason": str(error), "setting": _SETTINGS.get(type(error))}
    logger.warning("request refused, a service is away", extra=said)
    return problem(
        request.scope,
        Rejected(
            503,
            "unavailable",
            "A service that this request needs is away. Nothing is lost: send the request again after Retry-After.",
            headers={"retry-after": RETRY_SECONDS},
        ),
    )


async def _misconfigured(request: Request, error: Exception) -> Response:
    logger.error(str(error))
    return problem(request.scope, misconfigured())


async def _gone(request: Request, _error: Exception) -> Response:
    return problem(
        request.scope, Rejected(410, "result-gone", "The stored result has been deleted. Submit the document again.")
    )


async def _routing(request: Request, error: Exception) -> Response:
    """What the router itself refuses: a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        refusal = Rejected(404, "path-not-found", "There is nothing at this path; /openapi.json lists what there is.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        detail = f"This method is not allowed here; what is: {allowed}."
        refusal = Rejected(405, "method-not-allowed", detail, headers={"allow": allowed})
    else:
        slug = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        refusal = Rejected(error.status_code, slug, str(error.detail), headers=headers)
    return problem(request.scope, refusal)


def _methods(request: Request) -> list[str]:
    """All that some route takes at this path: the router itself names those of the first route only."""
    routes = request.app.router.routes
    taken = [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return [*taken, "HEAD"] if "GET" in taken else taken
