"""What API Gateway hands to a function: HTTP API events, payload format 2.0, and a Lambda context."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

REQUEST_ID = "8f7e1c52-9a7c-4f0e-8d3f-5b1f6a2c9d10"
HOST = "abc123.execute-api.eu-central-1.amazonaws.com"


@dataclass(frozen=True)
class FakeContext:
    """The part of a Lambda context that the api room reads."""

    aws_request_id: str = REQUEST_ID


def event(
    method: str,
    path: str,
    *,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    query: str = "",
    stage: str = "$default",
    host: str = HOST,
    claims: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A request as the function sees it; bytes travel as base64, as a binary body does."""
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "abc123",
        "domainName": host,
        "domainPrefix": host.split(".")[0],
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "test"},
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": "$default",
        "stage": stage,
        "time": "22/Nov/2026:06:17:00 +0000",
        "timeEpoch": 1795328220000,
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": host, "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": context,
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:
        made["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return made


def post_json(fields: object, **more: Any) -> dict[str, Any]:
    """POST /v1/analyze with a JSON body."""
    headers = {"content-type": "application/json", **more.pop("headers", {})}
    return event("POST", more.pop("path", "/v1/analyze"), body=json.dumps(fields), headers=headers, **more)


def post_text(document: str | bytes, **more: Any) -> dict[str, Any]:
    """POST /v1/analyze with a plain text body."""
    headers = {"content-type": "text/plain", **more.pop("headers", {})}
    return event("POST", more.pop("path", "/v1/analyze"), body=document, headers=headers, **more)
