"""From an ASGI request to the event of payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.gateway.limits import MAX_EVENT, fits, to_base64
from local.gateway.reply import TOO_LARGE, Refused
from local.lambda_context import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.gateway.asgi import Scope

_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
# What concerns one connection only is not handed on (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset({"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


def build_event(scope: Scope, body: bytes, request_id: str) -> dict[str, Any]:
    """The event of a request. Raises Refused where Lambda would not take it."""
    headers, cookies = _headers(scope, body)
    query = scope["query_string"].decode("utf-8", "replace")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": scope["path"],
        "rawQueryString": query,
        "headers": headers,
        "requestContext": _request_context(scope, headers, request_id),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        _put_body(event, body)
    return event


def _put_body(event: dict[str, Any], body: bytes) -> None:
    text = _text(event["headers"].get("content-type", ""), body)
    event["isBase64Encoded"] = text is None
    if not fits(event, body, is_base64=text is None, limit=MAX_EVENT):
        raise Refused(TOO_LARGE)
    event["body"] = to_base64(body) if text is None else text


def _text(content_type: str, body: bytes) -> str | None:
    """The body as text where API Gateway hands on text; None: it goes as base 64.

    AWS documents no list. Observed against the real service: text for `text/*` and three application types, base 64
    for all else, forms and a missing type among them (github.com/ministackorg/ministack/pull/766).
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.startswith("text/") and kind not in _TEXT_TYPES:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _headers(scope: Scope, body: bytes) -> tuple[dict[str, str], list[str]]:
    """Headers in lower case, repeated ones joined by a comma, and the cookies, which stand apart."""
    pairs = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in scope["headers"]]
    headers = _joined((name, value) for name, value in pairs if name != "cookie" and name not in _HOP_BY_HOP)
    cookies = [part for name, value in pairs if name == "cookie" for part in value.split("; ")]
    if body:
        headers["content-length"] = str(len(body))
    client = _client(scope)
    before = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{before}, {client}" if before else client
    headers["x-forwarded-port"] = str((scope.get("server") or ("", 80))[1])
    headers["x-forwarded-proto"] = scope["scheme"]
    headers.setdefault("x-amzn-trace-id", f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}")
    return headers, cookies


def _request_context(scope: Scope, headers: dict[str, str], request_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "domainName": headers.get("host", "localhost"),
        "domainPrefix": "local",
        "http": {
            "method": scope["method"],
            "path": scope["path"],
            "protocol": f"HTTP/{scope['http_version']}",
            "sourceIp": _client(scope),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{datetime.fromtimestamp(now, UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(now * 1000),
    }


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "127.0.0.1"


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
