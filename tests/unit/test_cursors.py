"""Where pages end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.cursors import FIRST, after_chunk, after_job, chunk_of, job_of
from functions.api.query import read_query
from functions.api.routes.chunks import ChunksQuery
from functions.api.routes.listing import ListQuery
from functions.core.errors import Rejected
from functions.core.ids import RANDOM_BITS, job_id_of


@given(st.integers(0, 2**30 - 1))
def test_a_cursor_of_a_chunk_comes_back(index: int) -> None:
    cursor = after_chunk(index)
    assert read_query(f"after={cursor}".encode(), ChunksQuery).after == cursor
    assert chunk_of(cursor) == index


@given(st.integers(0, 2**50 - 1), st.integers(0, 2**RANDOM_BITS - 1))
def test_a_cursor_of_a_job_comes_back(moment: int, bits: int) -> None:
    job_id = job_id_of(moment, bits)
    assert job_of(read_query(f"after={after_job(job_id)}".encode(), ListQuery).after) == job_id


def test_without_a_cursor_a_list_begins() -> None:
    assert (chunk_of(None), job_of(None)) == (FIRST, None)


@pytest.mark.parametrize(
    "cursor",
    ["", "c", "c00000", "c0000000", "C000001", "c00000u", "c00000I", "c00000%0A", "1", "-1", "j1", "c%C3%BC0000"],
)
def test_what_we_never_gave_is_no_cursor_of_chunks(cursor: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_query(f"after={cursor}".encode(), ChunksQuery)
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "after")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "j",
        "jxyz",
        "c000001",
        "j" + "a" * 29,
        "j" + "a" * 31,
        "j" + "A" * 30,
        "j" + "u" * 30,
        "j" + "a" * 30 + "%0A",
        "j%00",
    ],
)
def test_what_we_never_gave_is_no_cursor_of_jobs(cursor: str) -> None:
    with pytest.raises(Rejected, match="next_cursor"):
        read_query(f"after={cursor}".encode(), ListQuery)
