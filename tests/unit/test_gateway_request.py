"""The event of payload format 2.0, field by field."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from local.gateway.limits import MAX_EVENT
from local.gateway.reply import Refused
from local.gateway.request import build_event


def scope(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "http_version": "1.1",
        "path": "/v1/analyze",
        "raw_path": b"/v1/analyze",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:3000"), (b"user-agent", b"curl/8")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 3000),
        **changes,
    }


def event_with(content_type: str | None, body: bytes) -> dict[str, Any]:
    headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    return build_event(scope(headers=headers), body, "id")


def test_the_frame_is_that_of_an_http_api() -> None:
    event = build_event(scope(), b"", "request-1")
    context = event["requestContext"]
    assert (event["version"], event["routeKey"], context["stage"]) == ("2.0", "$default", "$default")
    assert (event["rawPath"], event["rawQueryString"], event["isBase64Encoded"]) == ("/v1/analyze", "", False)
    assert context["requestId"] == "request-1"
    assert context["http"] == {
        "method": "POST",
        "path": "/v1/analyze",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "curl/8",
    }
    assert abs(context["timeEpoch"] / 1000 - _seconds(context["time"])) < 1


def _seconds(stamp: str) -> float:
    return datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z").timestamp()


def test_what_is_absent_has_no_field() -> None:
    assert not {"body", "cookies", "queryStringParameters"} & build_event(scope(), b"", "id").keys()


def test_repeated_headers_are_joined_by_a_comma() -> None:
    given = [(b"x-tag", b"a"), (b"x-other", b"b"), (b"x-tag", b"c")]
    assert build_event(scope(headers=given), b"", "id")["headers"]["x-tag"] == "a,c"


def test_cookies_stand_in_a_list_of_their_own() -> None:
    event = build_event(scope(headers=[(b"cookie", b"a=1; b=2"), (b"cookie", b"c=3")]), b"", "id")
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert "cookie" not in event["headers"]


def test_hop_by_hop_headers_are_not_handed_on() -> None:
    given = [(b"connection", b"keep-alive"), (b"expect", b"100-continue"), (b"transfer-encoding", b"chunked")]
    event = build_event(scope(headers=given), b"x", "id")
    assert not {"connection", "expect", "transfer-encoding"} & event["headers"].keys()
    assert event["headers"]["content-length"] == "1"


def test_the_gateway_says_where_the_request_came_from() -> None:
    headers = build_event(scope(headers=[(b"x-forwarded-for", b"10.0.0.1")]), b"", "id")["headers"]
    assert headers["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "3000")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")


def test_repeated_query_parameters_are_decoded_and_joined() -> None:
    event = build_event(scope(query_string=b"a=1&b=x%20y&a=2&empty="), b"", "id")
    assert event["rawQueryString"] == "a=1&b=x%20y&a=2&empty="
    assert event["queryStringParameters"] == {"a": "1,2", "b": "x y", "empty": ""}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Text/Plain", "text/csv", "application/xml"],
)
def test_text_goes_as_text(content_type: str) -> None:
    event = event_with(content_type, "grüß".encode())
    assert (event["body"], event["isBase64Encoded"]) == ("grüß", False)


@pytest.mark.parametrize(
    "content_type", [None, "application/octet-stream", "application/x-www-form-urlencoded", "image/png"]
)
def test_all_else_goes_as_base_64(content_type: str | None) -> None:
    event = event_with(content_type, b"a=1")
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"a=1").decode(), True)


def test_text_that_is_no_utf8_goes_as_base_64() -> None:
    event = event_with("text/plain", b"\xff\xfe")
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\xfe", True)


def _largest(character: bytes) -> int:
    """How many of a character make an event just under the limit."""
    frame = build_event(scope(headers=[(b"content-type", b"text/plain")]), b"", "id")
    frame["headers"]["content-length"] = "1234567"
    room = MAX_EVENT - len(json.dumps({**frame, "body": ""}).encode()) - 1
    return room // (len(json.dumps(character.decode(), ensure_ascii=False).encode()) - 2)


@pytest.mark.parametrize("character", [b"a", b'"', b"\n", b"\x01", "é".encode()])
def test_the_limit_counts_the_event_as_json(character: bytes) -> None:
    most = _largest(character)
    assert event_with("text/plain", character * most)["body"]
    with pytest.raises(Refused) as refused:
        event_with("text/plain", character * (most + 1))
    assert refused.value.reply.status == 413
    assert refused.value.reply.body == b'{"message":"Request Entity Too Large"}'


def test_four_and_a_half_megabytes_of_bytes_fit_and_five_do_not() -> None:
    assert event_with("image/png", bytes(4_500_000))["isBase64Encoded"]
    with pytest.raises(Refused):
        event_with("image/png", bytes(5_000_000))
