"""Results as NDJSON: one object a line, whatever the text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from functions.core.jobs import ChunkStatus
from functions.core.model import ChunkView, Failure, Span
from functions.core.records import record

SPAN = Span(7, 10, 20, 11, 30, "0" * 64)


def a_chunk(result: str | None, failure: Failure | None = None) -> ChunkView:
    """A chunk that has ended."""
    status = ChunkStatus.FAILED if failure else ChunkStatus.COMPLETED
    size = None if result is None else len(result.encode())
    return ChunkView(SPAN, status, 2, result, size, failure, 1_000)


def test_a_line_says_where_the_chunk_lies_and_what_came_of_it() -> None:
    assert record(a_chunk("Größe: 7 語")) == (
        '{"chunk_index":7,"status":"COMPLETED","char_start":10,"char_end":20,"byte_start":11,"byte_end":30,'
        '"attempts":2,"result":"Größe: 7 語","error":null}\n'.encode()
    )
    assert record(a_chunk(None, Failure("rate_limited", "429"))) == (
        b'{"chunk_index":7,"status":"FAILED","char_start":10,"char_end":20,"byte_start":11,"byte_end":30,'
        b'"attempts":2,"result":null,"error":{"code":"rate_limited","message":"429"}}\n'
    )


@given(st.text(st.characters(codec="utf-8")) | st.text('\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\t"\\'))
def test_whatever_the_result_is_it_is_one_line_for_every_reader(result: str) -> None:
    line = record(a_chunk(result)).decode()

    assert line.splitlines() == [line.removesuffix("\n")]
    assert json.loads(line)["result"] == result
