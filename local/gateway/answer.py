"""From a handler's answer to a reply, with what API Gateway infers where the handler leaves it out."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from local.gateway.limits import MAX_ANSWER, fits
from local.gateway.reply import Reply

_NOT_A_NAME = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_JSON = ((b"content-type", b"application/json"),)


class Malformed(Exception):
    """An answer that API Gateway cannot turn into a response."""


def to_reply(answer: Any, *, is_head: bool = False) -> Reply:
    """The reply for what a handler returned. Raises Malformed.

    Without a `statusCode` the whole answer is the body of a 200 in JSON:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return _inferred(answer)
    body = _body(answer)
    headers = _headers(answer.get("headers") or {}, keep_length=is_head and not body)
    if body and all(name != b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"text/plain;charset=UTF-8"))
    return Reply(_status(answer["statusCode"]), (*headers, *_cookies(answer.get("cookies") or [])), body)


def _body(answer: dict[str, Any]) -> bytes:
    given = answer.get("body")
    raw = _utf8("" if given is None else given)
    _check_size({name: value for name, value in answer.items() if name != "body"}, raw)
    return _from_base64(raw) if answer.get("isBase64Encoded") else raw


def _inferred(answer: Any) -> Reply:
    body = _utf8(answer if isinstance(answer, str) else _dumped(answer))
    _check_size({}, body)
    return Reply(200, _JSON, body)


def _check_size(around: dict[str, Any], body: bytes) -> None:
    """An answer larger than Lambda returns is an error of the function."""
    try:
        small = fits(around, body, is_base64=False, limit=MAX_ANSWER + 1)
    except (TypeError, ValueError) as error:
        raise Malformed(str(error)) from None
    if not small:
        raise Malformed(f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER} bytes).")


def _status(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return value
    raise Malformed("statusCode is not a status")


def _headers(given: Any, *, keep_length: bool) -> list[tuple[bytes, bytes]]:
    """The connection and the length are the server's; only a HEAD may say the length of what it does not send."""
    if not isinstance(given, dict):
        raise Malformed("headers is not an object")
    dropped = _OURS - {"content-length"} if keep_length else _OURS
    return [_header(name, value) for name, value in given.items() if str(name).lower() not in dropped]


def _header(name: Any, value: Any) -> tuple[bytes, bytes]:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(name, str) or not name or not isinstance(value, (str, int, float)):
        raise Malformed("a header is not a name and a value")
    text = str(value)
    if _NOT_A_NAME.search(name) or _NOT_IN_A_VALUE.search(text):
        raise Malformed("a header has a character that HTTP does not allow")
    return name.lower().encode(), _utf8(text)


def _cookies(given: Any) -> list[tuple[bytes, bytes]]:
    if not isinstance(given, list):
        raise Malformed("cookies is not a list")
    return [_header("set-cookie", cookie) for cookie in given]


def _utf8(text: Any) -> bytes:
    if not isinstance(text, str):
        raise Malformed("body is not a string")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Malformed("a lone surrogate is no text") from None


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("body is not base 64") from None


def _dumped(answer: Any) -> str:
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise Malformed(f"the answer is no JSON: {error}") from None
