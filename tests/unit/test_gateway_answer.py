"""What a handler returns, and what API Gateway makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from local.gateway.answer import Malformed, to_reply
from local.gateway.limits import MAX_ANSWER


def test_a_whole_answer() -> None:
    reply = to_reply(
        {"statusCode": 202, "headers": {"Location": "/x", "X-N": 1}, "cookies": ["a=1", "b=2"], "body": "é"}
    )
    assert (reply.status, reply.body) == (202, "é".encode())
    assert reply.headers == (
        (b"location", b"/x"),
        (b"x-n", b"1"),
        (b"content-type", b"text/plain;charset=UTF-8"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    )


def test_base_64_is_decoded() -> None:
    assert to_reply({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}).body == b"\x00\xff"


@pytest.mark.parametrize(
    ("answer", "body"), [("hello", b"hello"), ({"a": "é"}, '{"a": "é"}'.encode()), ([1], b"[1]"), (None, b"null")]
)
def test_without_a_status_the_answer_is_the_body_in_json(answer: Any, body: bytes) -> None:
    reply = to_reply(answer)
    assert (reply.status, reply.body, reply.headers) == (200, body, ((b"content-type", b"application/json"),))


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "two hundred"},
        {"statusCode": True},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "\ud800"},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": None}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"n": object()},
    ],
)
def test_what_cannot_become_a_response_is_malformed(answer: Any) -> None:
    with pytest.raises(Malformed):
        to_reply(answer)


def test_an_answer_may_have_six_megabytes_and_a_hundred_bytes_as_json() -> None:
    room = MAX_ANSWER - len('{"statusCode": 200, "body": ""}')
    assert len(to_reply({"statusCode": 200, "body": "a" * room}).body) == room
    with pytest.raises(Malformed, match="6291556 bytes"):
        to_reply({"statusCode": 200, "body": "a" * (room + 1)})


def test_the_length_is_the_servers_to_say_but_for_a_head() -> None:
    answer = {"statusCode": 200, "headers": {"content-length": "7", "connection": "close"}}
    assert to_reply(answer).headers == ()
    assert to_reply(answer, is_head=True).headers == ((b"content-length", b"7"),)
