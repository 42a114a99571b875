"""POST /v1/analyze: bodies that are no document, and options that are none."""

from __future__ import annotations

from tests.integration.refusals.rows import ANALYZE, JSON, TEXT, Bad, analyze, text

A = {"raw_text": "a"}
WHOLE = "whole number"
NO_ID = "0" * 30

FIELDS = [
    analyze({}, "raw_text", "required"),
    analyze({"raw_text": ""}, "raw_text", "empty"),
    analyze({"raw_text": "\ufeff"}, "raw_text", "byte order mark"),
    analyze({"raw_text": None}, "raw_text", "text"),
    analyze({"raw_text": 7}, "raw_text", "text"),
    analyze({"raw_text": 1.5}, "raw_text", "text"),
    analyze({"raw_text": True}, "raw_text", "text"),
    analyze({"raw_text": ["a"]}, "raw_text", "text"),
    analyze({"raw_text": {"a": "b"}}, "raw_text", "text"),
    analyze({"raw_text": "a\0b"}, "raw_text", "character 1"),
    analyze({"raw_text": "gr\u00fc\u00dfe\0"}, "raw_text", "character 5"),
    analyze({"raw_text": "ab\ud800c"}, "raw_text", "character 2"),
    analyze({"raw_text": "\udc00\ud800"}, "raw_text", "character 0"),
    analyze({"RAW_TEXT": "a"}, "RAW_TEXT", "not known"),
    analyze({**A, "text": "a"}, "text", "not known"),
    analyze({**A, "": 1}, "body", "not known"),
    analyze({**A, "max_chunk_chars": "4000"}, "max_chunk_chars", WHOLE),
    analyze({**A, "max_chunk_chars": True}, "max_chunk_chars", WHOLE),
    analyze({**A, "max_chunk_chars": 4000.0}, "max_chunk_chars", WHOLE),
    analyze({**A, "max_chunk_chars": None}, "max_chunk_chars", WHOLE),
    analyze({**A, "max_chunk_chars": []}, "max_chunk_chars", WHOLE),
    analyze({**A, "max_chunk_chars": 0}, "max_chunk_chars", "at least 1"),
    analyze({**A, "max_chunk_chars": -4000}, "max_chunk_chars", "at least 1"),
    analyze({**A, "max_chunk_chars": 200_001}, "max_chunk_chars", "at most 200000"),
    analyze({**A, "max_chunk_chars": 10**40}, "max_chunk_chars", "at most 200000"),
    analyze({**A, "max_attempts": 2}, "max_attempts", "at least 3"),
    analyze({**A, "max_attempts": 11}, "max_attempts", "at most 10"),
    analyze({**A, "max_attempts": "3"}, "max_attempts", WHOLE),
    analyze({**A, "max_attempts": False}, "max_attempts", WHOLE),
    analyze({**A, "overlap_chars": -1}, "overlap_chars", "at least 0"),
    analyze({**A, "overlap_chars": 10_001}, "overlap_chars", "at most 10000"),
    analyze({**A, "overlap_chars": "10"}, "overlap_chars", WHOLE),
    analyze({**A, "overlap_chars": 1.5}, "overlap_chars", WHOLE),
    analyze({**A, "instructions": 1}, "instructions", "text"),
    analyze({**A, "instructions": "x" * 10_001}, "instructions", "10000 characters"),
    analyze({**A, "instructions": "a\0b"}, "instructions", "character 1"),
    analyze({**A, "instructions": "a\udfff"}, "instructions", "character 1"),
    analyze({**A, "model": 1}, "model", "text"),
    analyze({**A, "model": "x" * 256}, "model", "255 characters"),
    analyze({**A, "model": "loc\0al"}, "model", "character 3"),
    analyze({**A, "model": "gpt"}, "model", "is not allowed here", slug="unknown-model"),
    analyze({**A, "model": ""}, "model", "is not allowed here", slug="unknown-model"),
    analyze({**A, "model": "openai:gpt-5"}, "model", "is not allowed here", slug="unknown-model"),
    analyze({**A, "document_id": NO_ID}, "document_id", "raw_text"),
    analyze({"document_id": None}, "document_id", "text"),
    analyze({"document_id": 7}, "document_id", "text"),
    analyze({"document_id": ["x"]}, "document_id", "text"),
    analyze([], "body", "JSON object"),
    analyze([A], "body", "JSON object"),
    analyze("raw_text", "body", "JSON object"),
    analyze(7, "body", "JSON object"),
    analyze(None, "body", "JSON object"),
    analyze(A, "query", "fields of the body", query="max_chunk_chars=100"),
]  # fmt: skip


def unreadable(body: str | bytes, says: str) -> Bad:
    """A body that is no JSON."""
    return Bad(400, "unreadable-body", says, method="POST", body=body, headers=JSON)


BROKEN_JSON = [
    unreadable("", "line 1, column 1"),
    unreadable(" ", "line 1, column 2"),
    unreadable("raw_text", "line 1, column 1"),
    unreadable("{'raw_text': 'a'}", "line 1, column 2"),
    unreadable('{"raw_text": "a"', "line 1, column 17"),
    unreadable('{"raw_text":\n "a",}', "line 2, column 6"),
    unreadable('{"raw_text": "a\x01"}', "line 1, column 16"),
    unreadable('{"raw_text": "a"} {}', "line 1, column 19"),
    unreadable('{"raw_text": "\\x"}', "line 1, column 15"),
    unreadable('{"raw_text": "\\u12"}', "line 1"),
    unreadable('\ufeff{"raw_text": "a"}', "line 1, column 1"),
    unreadable(b'{"raw_text": "\xff"}', "byte 14"),
    unreadable('{"raw_text": "a"}'.encode("utf-16"), "byte 0"),
    unreadable('{"raw_text": "a", "x": ' + "[" * 100_000, "nested"),
    unreadable('{"raw_text": "a", "max_attempts": ' + "9" * 5000 + "}", "digits"),
]

PLAIN = [
    text("", "body", "empty"),
    text("\ufeff", "body", "byte order mark"),
    text(b"\xff\xfea\x00", "body", "byte 0"),
    text("gr\u00fc\u00dfe".encode("latin-1"), "body", "byte 2"),
    text(b"abc\xc3", "body", "byte 3"),
    text(b"\xed\xa0\x80", "body", "byte 0"),  # a surrogate in what is no UTF-8
    text(b"\xc0\xaf", "body", "byte 0"),  # an overlong slash
    text(b"\xf4\x90\x80\x80", "body", "byte 0"),  # beyond U+10FFFF
    text("a\0", "body", "character 1"),
    text("a", "max_chunk_chars", WHOLE, "max_chunk_chars=many"),
    text("a", "max_chunk_chars", WHOLE, "max_chunk_chars="),
    text("a", "max_chunk_chars", WHOLE, "max_chunk_chars=1e3"),
    text("a", "max_chunk_chars", WHOLE, "max_chunk_chars=%EF%BC%94"),  # a full-width digit
    text("a", "max_chunk_chars", "at most 200000", "max_chunk_chars=9999999999"),
    text("a", "max_chunk_chars", "at most 200000", "max_chunk_chars=" + "9" * 18),
    text("a", "max_chunk_chars", "at least 1", "max_chunk_chars=-" + "9" * 18),
    text("a", "max_chunk_chars", "at least 1", "max_chunk_chars=-5"),
    text("a", "max_chunk_chars", "more than once", "max_chunk_chars=1&max_chunk_chars=2"),
    text("a", "overlap_chars", WHOLE, "overlap_chars=x"),
    text("a", "overlap_chars", "at most 10000", "overlap_chars=10001"),
    text("a", "max_attempts", "at least 3", "max_attempts=1"),
    text("a", "chunk", "not known", "chunk=1"),
    text("a", "raw_text", "not known", "raw_text=a"),
    text("a", "document_id", "not known", f"document_id={NO_ID}"),
    text("a", "model", "is not allowed here", "model=gpt", slug="unknown-model"),
    text("a", "instructions", "character 0", "instructions=%00"),
    text("a", "query", "UTF-8", "instructions=%FF"),
    text("a", "query", "name=value", "&".join(f"x{n}=1" for n in range(30))),
]

SIZES = [
    Bad(413, "body-too-large", "4,000,000", method="POST", body="x" * 4_000_001, headers=TEXT),
    Bad(413, "body-too-large", "/v1/documents", method="POST", body="x" * 4_000_001, headers=TEXT),
    Bad(413, "body-too-large", "4,000,001", method="POST", body=" " * 4_000_001, headers=JSON),
    Bad(413, "body-too-large", "10", method="POST", body="x" * 11, headers=TEXT, settings={"max_body_bytes": 10}),
    text("a" * 300, "max_chunk_chars", "smallest that fits is 3", "max_chunk_chars=1", slug="too-many-chunks",
         settings={"max_chunks": 100}),
    text("a" * 100_001, "max_chunk_chars", "smallest that fits is 2", "max_chunk_chars=1", slug="too-many-chunks"),
]  # fmt: skip

KINDS = [
    Bad(415, "unsupported-media-type", says, method="POST", path=path, body="{}", headers=headers)
    for path in (ANALYZE, "/v1/documents")
    for headers, says in (
        ({}, "Content-Type"),
        ({"content-type": ""}, "Content-Type"),
        ({"content-type": "application/xml"}, "application/xml"),
        ({"content-type": "application/pdf"}, "application/pdf"),
        ({"content-type": "application/x-www-form-urlencoded"}, "application/x-www-form-urlencoded"),
        ({"content-type": "multipart/form-data; boundary=x"}, "multipart/form-data"),
        ({"content-type": "application/json; charset=latin-1"}, "utf-8"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "Content-Encoding"),
    )
] + [
    Bad(415, "unsupported-media-type", says, method="POST", body="a", headers={"content-type": kind})
    for kind, says in (("text/plain;charset=utf-16", "utf-8"), ("text/html", "text/html"))
]  # fmt: skip


def keyed(value: str, says: str) -> Bad:
    """An Idempotency-Key that is none."""
    return Bad(
        400, "invalid-idempotency-key", says, method="POST", body="a", headers={**TEXT, "idempotency-key": value}
    )


KEYS = [
    keyed("", "Idempotency-Key"),
    keyed(" ", "Idempotency-Key"),
    keyed('""', "Idempotency-Key"),
    keyed("x" * 256, "255"),
    keyed('"' + "x" * 256 + '"', "255"),
    keyed("schl\u00fcssel", "ASCII"),
    keyed('"open', "Idempotency-Key"),
    keyed("tab\there", "Idempotency-Key"),
    keyed("two words", "Idempotency-Key"),
    keyed('"a", "b"', "Idempotency-Key"),
]

ROWS = [*FIELDS, *BROKEN_JSON, *PLAIN, *SIZES, *KINDS, *KEYS]
