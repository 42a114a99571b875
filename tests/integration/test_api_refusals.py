"""The table of requests that are refused: status, problem, the field to blame, and nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.model import Standing
from tests.fakes.api_world import IDLE, World
from tests.fakes.gateway import REQUEST_ID, FakeContext, event, post_json, post_text


def refused(
    made: dict[str, Any], *, standing: Standing = IDLE, **settings: Any
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and problem of a refusal, which must have left no trace."""
    world = World(standing=standing)
    answer = respond(create_app(world.parts(**settings)), made, FakeContext())  # type: ignore[arg-type]
    body = json.loads(answer["body"])
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["x-request-id"] == REQUEST_ID
    assert not answer["isBase64Encoded"]
    assert body["type"].startswith("urn:piecewise:problem:")
    assert body["status"] == answer["statusCode"]
    assert {"type", "title", "status", "detail", "instance"} <= body.keys()
    assert [effect for effect in world.effects if effect != "begin"] == []
    assert (world.jobs, world.objects, world.hints, world.noted) == ([], {}, [], {})
    return answer["statusCode"], answer["headers"], body


def raw(body: str | bytes, kind: str = "application/json", **headers: str) -> dict[str, Any]:
    """POST /v1/analyze with any body under any name."""
    return event("POST", "/v1/analyze", body=body, headers={"content-type": kind, **headers})


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({}, "raw_text", "is required, or document_id"),
        ({"raw_text": "a", "document_id": "b"}, "document_id", "cannot stand beside raw_text"),
        ({"raw_text": "", "document_id": ""}, "document_id", "cannot stand beside raw_text"),
        ({"document_id": None}, "document_id", "text"),
        ({"document_id": 7}, "document_id", "text"),
        ({"document_id": "x" * 65}, "document_id", "at most 64 characters"),
        ({"document_id": "a", "instructions": "a\0b"}, "instructions", "NUL (U+0000) at character 1"),
        ({"document_id": "\ud800"}, "document_id", "lone surrogate at character 0"),
        ({"raw_text": "a", "overlap_chars": -1}, "overlap_chars", "at least 0"),
        ({"raw_text": "a", "overlap_chars": 10_001}, "overlap_chars", "at most 10000"),
        ({"raw_text": "a", "overlap_chars": 1.5}, "overlap_chars", "whole number"),
        ({"raw_text": "a", "overlap_chars": None}, "overlap_chars", "whole number"),
        ({"raw_text": ""}, "raw_text", "empty"),
        ({"raw_text": "\ufeff"}, "raw_text", "byte order mark"),
        ({"raw_text": None}, "raw_text", "text"),
        ({"raw_text": 7}, "raw_text", "text"),
        ({"raw_text": ["a"]}, "raw_text", "text"),
        ({"raw_text": "a", "max_chunk_chars": "4000"}, "max_chunk_chars", "whole number"),
        ({"raw_text": "a", "max_chunk_chars": True}, "max_chunk_chars", "whole number"),
        ({"raw_text": "a", "max_chunk_chars": 4000.0}, "max_chunk_chars", "whole number"),
        ({"raw_text": "a", "max_chunk_chars": None}, "max_chunk_chars", "whole number"),
        ({"raw_text": "a", "max_chunk_chars": 0}, "max_chunk_chars", "at least 1"),
        ({"raw_text": "a", "max_chunk_chars": -1}, "max_chunk_chars", "at least 1"),
        ({"raw_text": "a", "max_chunk_chars": 200_001}, "max_chunk_chars", "at most 200000"),
        ({"raw_text": "a", "max_chunk_chars": 10**30}, "max_chunk_chars", "at most 200000"),
        ({"raw_text": "a", "max_attempts": 2}, "max_attempts", "at least 3"),
        ({"raw_text": "a", "max_attempts": 11}, "max_attempts", "at most 10"),
        ({"raw_text": "a", "max_attempts": False}, "max_attempts", "whole number"),
        ({"raw_text": "a", "instructions": "x" * 10_001}, "instructions", "at most 10000 characters"),
        ({"raw_text": "a", "instructions": 1}, "instructions", "text"),
        ({"raw_text": "a", "instructions": "a\0b"}, "instructions", "NUL (U+0000) at character 1"),
        ({"raw_text": "a", "model": "gpt"}, "model", "is not one of"),
        ({"raw_text": "a", "model": ""}, "model", "is not one of"),
        ({"raw_text": "a", "model": "x" * 256}, "model", "at most 255 characters"),
        ({"raw_text": "a", "model": "loc\0al"}, "model", "NUL (U+0000) at character 3"),
        ({"raw_text": "a", "max_chunk_char": 1}, "max_chunk_char", "is not known"),
        ({"raw_text": "grüße\0"}, "raw_text", "NUL (U+0000) at character 5"),
        ({"raw_text": "ab\ud800c"}, "raw_text", "lone surrogate at character 2"),
        ({"raw_text": "\udc00\ud800"}, "raw_text", "lone surrogate at character 0"),
        ({"raw_text": "a", "instructions": "x\udfff"}, "instructions", "lone surrogate at character 1"),
        ({"raw_text": "a", "model": "\ud800"}, "model", "lone surrogate at character 0"),
        ({"raw_text": "a", "extra": "\ud800"}, "extra", "lone surrogate"),
        ({"raw_text": "a", "\ud800": 1}, "\\ud800", "is not known"),
        ([], "body", "JSON object"),
        ("text", "body", "JSON object"),
        ("\ud800", "body", "JSON object"),
        (None, "body", "JSON object"),
    ],
)
def test_a_field_that_is_wrong_is_422_and_named(fields: object, field: str, message: str) -> None:
    status, _, body = refused(post_json(fields))
    assert status == 422
    assert any(error["field"] == field and message in error["message"] for error in body["errors"]), body["errors"]


def test_all_fields_that_are_wrong_are_named_at_once() -> None:
    _, _, body = refused(post_json({"raw_text": "\ud800", "max_attempts": 1, "max_chunk_chars": "1"}))
    assert sorted(error["field"] for error in body["errors"]) == ["max_attempts", "max_chunk_chars", "raw_text"]


def test_a_crowd_of_unknown_fields_is_not_repeated_in_the_answer() -> None:
    _, _, body = refused(post_json({"x" * 1000 + str(number): 1 for number in range(1000)}))
    assert len(body["errors"]) == 20
    assert max(len(error["field"]) for error in body["errors"]) == 100


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("", "line 1, column 1"),
        ("raw_text", "line 1, column 1"),
        ('{"raw_text": "a"', "line 1, column 17"),
        ('{"raw_text":\n "a",}', "line 2, column 6"),
        ('{"raw_text": "a\x01"}', "line 1, column 16"),
        ('{"raw_text": "a"} {}', "line 1, column 19"),
        ('{"raw_text": "\\x"}', "line 1, column 15"),
        ("{'raw_text': 'a'}", "line 1, column 2"),
        ('\ufeff{"raw_text": "a"}', "line 1, column 1"),
        (b'{"raw_text": "\xff"}', "byte 14"),
        ('{"raw_text": "a", "x": ' + "[" * 100_000, "nested"),
        ('{"raw_text": "a", "max_attempts": ' + "9" * 5000 + "}", "digits"),
    ],
)
def test_a_body_that_is_not_json_is_400_with_the_place(body: str | bytes, where: str) -> None:
    status, _, problem = refused(raw(body))
    assert (status, problem["type"]) == (400, "urn:piecewise:problem:unreadable-body")
    assert where in problem["detail"]


def test_the_second_opinion_names_what_is_wrong_in_json_nested_deeper_than_the_first_reads() -> None:
    status, _, body = refused(raw('{"raw_text": ' + "[" * 400 + "]" * 400 + "}"))
    assert (status, body["errors"]) == (422, [{"field": "raw_text", "message": "must be text"}])


@pytest.mark.parametrize(
    ("headers", "what"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, "Content-Type: text/plain"),
        ({"content-type": "application/xml"}, "application/xml"),
        ({"content-type": ""}, "Content-Type: application/json"),
        ({"content-type": "application/json; charset=latin-1"}, "charset must be utf-8"),
        ({"content-type": "text/plain;charset=utf-16"}, "charset must be utf-8"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "Content-Encoding"),
    ],
)
def test_another_kind_of_body_is_415_with_the_header_to_send(headers: dict[str, str], what: str) -> None:
    status, answered, body = refused(event("POST", "/v1/analyze", body='{"raw_text": "a"}', headers=headers))
    assert (status, answered["accept-post"]) == (415, "application/json, text/plain")
    assert what in body["detail"]


def test_no_content_type_at_all_is_415() -> None:
    assert refused(event("POST", "/v1/analyze", body="text"))[0] == 415


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_body_over_the_limit_is_413_and_says_what_to_do(kind: str, binary: bool) -> None:
    body = '{"raw_text": "' + "x" * 4_000_000 + '"}'
    status, _, problem = refused(raw(body.encode() if binary else body, kind))
    assert status == 413
    assert "4,000,000" in problem["detail"]
    assert "POST /v1/documents" in problem["detail"]


def test_the_limit_counts_bytes_and_is_itself_allowed() -> None:
    assert refused(raw("ü" * 6, "text/plain"), max_body_bytes=11)[0] == 413
    world = World()
    answer = respond(create_app(world.parts(max_body_bytes=12)), raw("ü" * 6, "text/plain"), FakeContext())  # type: ignore[arg-type]
    assert answer["statusCode"] == 202


@pytest.mark.parametrize(
    ("body", "query", "field", "message"),
    [
        ("", "", "body", "empty"),
        (b"", "", "body", "empty"),
        ("\ufeff", "", "body", "empty"),
        ("a\0b", "", "body", "NUL (U+0000) at character 1"),
        (b"gr\xfc\xdfe", "", "body", "not UTF-8 at byte 2"),
        (b"\xff\xfea\x00", "", "body", "not UTF-8 at byte 0"),
        (b"a\xed\xa0\x80", "", "body", "not UTF-8 at byte 1"),
        ("a", "max_chunk_chars=0", "max_chunk_chars", "at least 1"),
        ("a", "max_chunk_chars=%2B5", "max_chunk_chars", "whole number"),
        ("a", "max_chunk_chars=5.0", "max_chunk_chars", "whole number"),
        ("a", "max_chunk_chars=", "max_chunk_chars", "whole number"),
        ("a", "max_chunk_chars=%D9%A3", "max_chunk_chars", "whole number"),
        ("a", "max_chunk_chars=" + "9" * 5000, "max_chunk_chars", "whole number"),
        ("a", "max_attempts=true", "max_attempts", "whole number"),
        ("a", "max_attempts=3&max_attempts=3", "max_attempts", "more than once"),
        ("a", "overlap_chars=-1", "overlap_chars", "at least 0"),
        ("a", "overlap_chars=many", "overlap_chars", "whole number"),
        ("a", "raw_text=a", "raw_text", "is not known"),
        ("a", "document_id=a", "document_id", "is not known"),
        ("a", "chunks=4", "chunks", "is not known"),
        ("a", "chunks", "chunks", "is not known"),
        ("a", "instructions=%00", "instructions", "NUL (U+0000) at character 0"),
        ("a", "instructions=%ED%A0%80", "query", "percent-encoded"),
        ("a", "instructions=%FF", "query", "percent-encoded"),
        ("a", "&".join(f"a{number}=1" for number in range(1000)), "query", "percent-encoded"),
        ("a", "model=gpt", "model", "is not one of"),
    ],
)
def test_plain_text_that_is_wrong_is_422_and_named(body: str | bytes, query: str, field: str, message: str) -> None:
    status, _, problem = refused(post_text(body, query=query))
    assert status == 422
    assert [field] == [error["field"] for error in problem["errors"]]
    assert message in problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("standing", "slug"),
    [
        (Standing(3, 0, None), "too-many-live-jobs"),
        (Standing(4, 99, None), "too-many-live-jobs"),
        (Standing(2, 9, None), "too-many-live-chunks"),
    ],
)
def test_an_owner_with_too_much_under_way_is_429_until_some_has_ended(standing: Standing, slug: str) -> None:
    status, headers, body = refused(post_text("a"), standing=standing, max_live_jobs=3, max_live_chunks=9)
    assert (status, headers["retry-after"], body["type"]) == (429, "30", f"urn:piecewise:problem:{slug}")
    assert "cancel" in body["detail"]


def test_an_owner_just_below_the_limits_is_served() -> None:
    world = World(standing=Standing(2, 8, None))
    app = create_app(world.parts(max_live_jobs=3, max_live_chunks=9))
    assert respond(app, post_text("a"), FakeContext())["statusCode"] == 202  # type: ignore[arg-type]


def test_a_json_request_takes_no_options_from_the_query() -> None:
    status, _, body = refused(post_json({"raw_text": "a"}, query="max_attempts=3"))
    assert (status, body["errors"][0]["field"]) == (422, "query")


def test_more_chunks_than_allowed_is_422_naming_the_smallest_size_that_fits() -> None:
    status, _, body = refused(post_json({"raw_text": "x" * 100, "max_chunk_chars": 3}), max_chunks=10)
    assert (status, body["type"]) == (422, "urn:piecewise:problem:too-many-chunks")
    assert body["errors"][0]["field"] == "max_chunk_chars"
    assert "smallest that fits is 10" in body["detail"]


def test_a_document_that_no_size_makes_fit_is_to_be_split() -> None:
    status, _, body = refused(post_json({"raw_text": "x" * 400_001, "max_chunk_chars": 200_000}), max_chunks=2)
    assert status == 422
    assert "split the document" in body["detail"]


def test_the_size_that_is_named_does_fit() -> None:
    world = World()
    made = post_json({"raw_text": "x" * 100, "max_chunk_chars": 10})
    assert respond(create_app(world.parts(max_chunks=10)), made, FakeContext())["statusCode"] == 202  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/analyze/", "/v2/analyze", "/v1/analyze/x/y"])
def test_any_other_path_is_404(path: str) -> None:
    status, _, body = refused(event("GET", path))
    assert (status, body["type"], body["instance"]) == (404, "urn:piecewise:problem:path-not-found", path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/analyze", "GET, HEAD, POST"),
        ("POST", "/v1/analyze/abc", "DELETE, GET, HEAD"),
        ("PUT", "/v1/analyze/abc/result", "GET, HEAD"),
        ("GET", "/v1/documents", "POST"),
        ("DELETE", "/v1/documents/abc", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
    ],
)
def test_another_method_is_405_with_allow(method: str, path: str, allow: str) -> None:
    status, headers, body = refused(event(method, path))
    assert (status, body["type"]) == (405, "urn:piecewise:problem:method-not-allowed")
    assert ", ".join(sorted(headers["allow"].split(", "))) == allow


def test_instance_is_a_path_that_can_be_written_in_a_header() -> None:
    assert refused(event("GET", "/gr%C3%BC%C3%9Fe%0A"))[2]["instance"] == "/gr%C3%BC%C3%9Fe%0A"
