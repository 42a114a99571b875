"""What /openapi.json says of answers beyond what FastAPI can see in a signature: refusals, headers, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from functions.api.problems import MEDIA_TYPE, TYPE_PREFIX, Problem

Said = Mapping[int, Mapping[str, str]]
"""Refusals by status: the last part of the problem's type, and what it means."""

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_ALWAYS: Said = {
    500: {"internal-error": "A bug of ours; the x-request-id names the line in the log"},
    503: {
        "unavailable": "Database, queue or bucket are away; nothing is lost, see Retry-After",
        "misconfigured": "This deployment is not configured right; its log says how",
    },
}
_MESSAGE: dict[str, Any] = {
    "application/json": {
        "schema": {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
        "example": {"message": "Request Entity Too Large"},
    }
}
_GATEWAY = {
    "description": "API Gateway's own refusal: too large, too slow, too often, no route. Its body is AWS's",
    "content": _MESSAGE,
}
# Large bodies and many requests never reach the function: these statuses may be the gateway's.
_GATEWAYS_TOO = (413, 429, 500, 503)


def header(description: str, kind: str = "string", example: object = None) -> dict[str, Any]:
    """A header of an answer."""
    made: dict[str, Any] = {"description": description, "schema": {"type": kind}}
    return made if example is None else {**made, "example": example}


REQUEST_ID = {"x-request-id": header("Lambda's id of the request: every line of the log about it has it.")}
RETRY_AFTER = {"Retry-After": header("Whole seconds until it makes sense to ask again.", "integer", 3)}
ETAG = {"ETag": header("For If-None-Match: 304 as long as nothing has changed.", example='W/"6f1ed002ab559585"')}
LOCATION = {"Location": header("Where the job is read.", example="/v1/analyze/01kan5d3q7m3x9v2t8r4w6y1z0bcde")}
IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of answers that the client has, or *. A GET of theirs is 304 without a body.",
    "schema": {"type": "string"},
    "example": 'W/"6f1ed002ab559585"',
}
_LATER = {"job-still-running", "upload-unfinished"}

JOB_LINKS = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/job_id"}}
    for name in ("readJob", "readChunks", "readCoverage", "readResult", "retryJob", "cancelJob", "deleteJob")
}
"""What may be asked about a job that an answer names."""

UNAUTHENTICATED: Said = {401: {"unauthenticated": "No verified owner"}}
NO_JOB: Said = {404: {"job-not-found": "No such job of this owner"}}
BAD_QUERY: Said = {422: {"invalid-request": "A query parameter is wrong, unknown or given twice; errors names it"}}
NOT_JSON: Said = {406: {"not-acceptable": "The Accept header excludes application/json"}}
TOO_LARGE: Said = {413: {"body-too-large": "The body is too large, and none is needed"}}


def refusals(*said: Said) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route as its responses, with those that any route may give."""
    merged: dict[int, dict[str, str]] = {}
    for status, meanings in (pair for each in (*said, _ALWAYS) for pair in each.items()):
        merged.setdefault(status, {}).update(meanings)
    return {**{status: _refusal(status, merged[status]) for status in sorted(merged)}, "default": _GATEWAY}


def found(description: str, *, headers: Mapping[str, Any] | None = None, **more: Any) -> dict[int | str, Any]:
    """The 200 of a GET, and its 304."""
    same = "The client has it already: If-None-Match names its ETag"
    known = {**REQUEST_ID, **ETAG, **(headers or {})}
    return {200: {"description": description, "headers": known, **more}, 304: {"description": same, "headers": known}}


def text(example: str) -> dict[str, Any]:
    """The content of an answer that is no JSON."""
    return {"schema": {"type": "string"}, "example": example}


def parameters(kind: type[BaseModel], *more: dict[str, Any]) -> dict[str, Any]:
    """A model of a query string as parameters, for a route that parses it itself."""
    schema = kind.model_json_schema()
    shown = [_parameter(name, each, schema.get("$defs", {})) for name, each in schema["properties"].items()]
    return {"parameters": [*shown, *more]}


def _parameter(name: str, schema: dict[str, Any], defined: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key not in {"anyOf", "title", "description"}}
    if plain.get("default", 0) is None:
        del plain["default"]  # none is given, not null
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            reference = choice.pop("$ref", "").rpartition("/")[2]
            plain |= {key: value for key, value in defined.get(reference, choice).items() if key in {"type", "enum"}}
    return {"name": name, "in": "query", "required": False, "description": schema.get("description"), "schema": plain}


def _refusal(status: int, meanings: Mapping[str, str]) -> dict[str, Any]:
    examples = {slug: {"summary": words, "value": _example(status, slug, words)} for slug, words in meanings.items()}
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": _PROBLEM, "examples": examples}}
    if status in _GATEWAYS_TOO:
        content |= _MESSAGE
    return {"description": "; ".join(meanings.values()), "headers": _headers(status, meanings), "content": content}


def _headers(status: int, slugs: Iterable[str]) -> dict[str, Any]:
    later = status in (429, 503) or not _LATER.isdisjoint(slugs)
    return REQUEST_ID | (RETRY_AFTER if later else {})


def _example(status: int, slug: str, words: str) -> dict[str, Any]:
    title = slug.replace("-", " ").capitalize()
    made = {"type": TYPE_PREFIX + slug, "title": title, "status": status, "detail": f"{words}.", "instance": "/v1/…"}
    return made | ({"errors": [{"field": "limit", "message": "is out of range"}]} if slug == "invalid-request" else {})


PROBLEM_SCHEMAS = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
"""For the components: no route returns one by its signature."""
