"""Pages of other origins, answered as API Gateway's HTTP API answers them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.gateway.cors import dressed, preflight
from local.gateway.reply import Reply
from local.templates.deployment import CorsSpec

PAGE = "https://app.example.com"


ALLOWED = CorsSpec(
    allow_origins=(PAGE,),
    allow_methods=("GET", "POST"),
    allow_headers=("authorization", "content-type"),
    expose_headers=("location", "retry-after"),
    max_age=600,
    allow_credentials=False,
)


def request(method: str = "OPTIONS", **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "headers": pairs}


def asked(cors: CorsSpec, origin: str) -> dict[str, str]:
    reply = preflight(cors, request(origin=origin, access_control_request_method="POST"))
    assert reply is not None
    assert (reply.status, reply.body) == (204, b"")
    return {name.decode(): value.decode() for name, value in reply.headers}


def answered(cors: CorsSpec, scope: dict[str, Any], *headers: tuple[bytes, bytes]) -> dict[str, str]:
    reply = dressed(cors, scope, Reply(202, headers, b"{}"))
    assert (reply.status, reply.body) == (202, b"{}")
    return {name.decode(): value.decode() for name, value in reply.headers}


def test_a_preflight_learns_what_the_template_allows() -> None:
    assert asked(ALLOWED, PAGE) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "authorization,content-type",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://app.example.com", PAGE + ".evil.com", "null"])
def test_a_preflight_of_another_origin_learns_nothing(origin: str) -> None:
    assert asked(ALLOWED, origin) == {}


@pytest.mark.parametrize(
    ("allowed", "origin", "said"),
    [
        (("*",), PAGE, "*"),
        (("https://*",), PAGE, PAGE),
        (("http://*",), PAGE, None),
        (("http://*", PAGE), PAGE, PAGE),
        (("http://*",), "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_origins_may_be_all_or_all_of_a_scheme(allowed: tuple[str, ...], origin: str, said: str | None) -> None:
    assert asked(replace(ALLOWED, allow_origins=allowed), origin).get("access-control-allow-origin") == said


def test_what_is_not_configured_is_not_said() -> None:
    bare = replace(ALLOWED, allow_methods=(), allow_headers=(), expose_headers=(), max_age=None)
    assert asked(bare, PAGE) == {"access-control-allow-origin": PAGE}
    assert answered(bare, request("GET", origin=PAGE)) == {"access-control-allow-origin": PAGE}


def test_credentials_are_allowed_where_the_template_says_so() -> None:
    assert asked(replace(ALLOWED, allow_credentials=True), PAGE)["access-control-allow-credentials"] == "true"
    said = answered(replace(ALLOWED, allow_credentials=True), request("GET", origin=PAGE))
    assert said["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "scope",
    [
        request("GET", origin=PAGE, access_control_request_method="GET"),
        request("OPTIONS", origin=PAGE),
        request("OPTIONS", access_control_request_method="GET"),
    ],
)
def test_what_is_no_preflight_goes_to_the_function(scope: dict[str, Any]) -> None:
    assert preflight(ALLOWED, scope) is None


def test_what_the_function_says_about_origins_is_replaced() -> None:
    own = ((b"access-control-allow-origin", b"*"), (b"access-control-max-age", b"1"), (b"location", b"/x"))
    assert answered(ALLOWED, request("POST", origin=PAGE), *own) == {
        "location": "/x",
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "location,retry-after",
    }


@pytest.mark.parametrize("scope", [request("POST"), request("POST", origin="https://evil.example.com")])
def test_without_an_allowed_origin_nothing_is_said_about_origins(scope: dict[str, Any]) -> None:
    own = ((b"access-control-allow-origin", b"*"), (b"location", b"/x"))
    assert answered(ALLOWED, scope, *own) == {"location": "/x"}
