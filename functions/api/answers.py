"""Answers that a client may keep and ask about: `ETag`, and 304 instead of what it has."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response
from pydantic import BaseModel

from functions.api.accept import JSON
from functions.api.caching import is_known, tag_of

KEPT = {"cache-control": "private, no-cache"}
"""Kept by nobody but the client, and never used unasked."""


def unchanged(request: Request, tag: str, headers: Mapping[str, str] | None = None) -> Response | None:
    """304, when the client says that it has what this tag stands for."""
    if is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={**KEPT, "etag": tag, **(headers or {})})
    return None


def answer(
    request: Request,
    body: bytes,
    *,
    tag: str | None = None,
    headers: Mapping[str, str] | None = None,
    media_type: str = JSON,
) -> Response:
    """200 under this tag, or under the tag of its bytes; 304 when the client has it."""
    tag = tag or tag_of(body)
    about = {**KEPT, "etag": tag, **(headers or {})}
    return unchanged(request, tag, headers) or Response(body, 200, about, media_type)


def shown(request: Request, model: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """The same for a body of JSON."""
    return answer(request, model.model_dump_json().encode(), headers=headers)
