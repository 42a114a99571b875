"""What /openapi.json says of requests and answers beyond what FastAPI can see in a signature."""

from __future__ import annotations

from typing import Any

from functions.api.problems import MEDIA_TYPE, Problem
from functions.api.requests import JSON, TEXT, AnalyzeRequest, Options

_PROBLEM = {MEDIA_TYPE: {"schema": Problem.model_json_schema(ref_template="#/components/schemas/{model}")}}
_LOCATION = {"Location": {"description": "Where the job is read.", "schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route; what is left over looks the same."""
    named: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status], "content": _PROBLEM} for status in statuses
    }
    return {**named, "default": {"description": "Any other refusal, or a bug of ours (500)", "content": _PROBLEM}}


def analyze_request() -> dict[str, Any]:
    """The body of POST /v1/analyze in both its forms; with plain text the options are query parameters."""
    options = Options.model_json_schema()["properties"]
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": AnalyzeRequest.model_json_schema()},
                TEXT: {"schema": {"type": "string", "minLength": 1, "description": "The document itself, UTF-8."}},
            },
        },
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": f"{schema['description']} With text/plain only.",
                "schema": schema,
            }
            for name, schema in options.items()
        ],
    }


ACCEPTED: dict[str, Any] = {"headers": {**_LOCATION, **_RETRY_AFTER}}
TEXT_RESULT: dict[str, Any] = {"description": "The whole result", "content": {TEXT: {"schema": {"type": "string"}}}}
REDIRECT: dict[str, Any] = {"description": "A large result lies in the bucket, under this link", "headers": _LOCATION}

_MEANINGS = {
    400: "The body is not JSON",
    401: "No verified owner",
    404: "No such job of this owner",
    406: "The Accept header excludes JSON",
    409: "The job is running, or has no result",
    410: "The stored result has been deleted",
    413: "The body is too large",
    415: "The body is neither JSON nor plain text",
    422: "The request is understood and refused; errors names the fields",
    503: "Database or bucket are away; see Retry-After",
}
