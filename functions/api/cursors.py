"""Where a page ends, as a client hands it back: opaque, and nothing but what we gave is taken. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from functions.api.strict import wrong
from functions.core.ids import ALPHABET, in_base32

_DIGITS = 6  # 30 bits: a thousand million chunks
_CHUNK = re.compile(rf"c[{ALPHABET}]{{{_DIGITS}}}")
_JOB = re.compile(rf"j[{ALPHABET}]{{30}}")  # as long as ids are

FIRST = -1
"""Before the first chunk."""


def after_chunk(chunk_index: int) -> str:
    """The cursor of a page that ends with this chunk."""
    return "c" + in_base32(chunk_index, _DIGITS)


def chunk_of(cursor: str | None) -> int:
    """The chunk behind which the next page begins; `FIRST` without a cursor."""
    value = 0
    for character in (cursor or "")[1:]:
        value = (value << 5) | ALPHABET.index(character)
    return FIRST if cursor is None else value


def after_job(job_id: str) -> str:
    """The cursor of a page that ends with this job."""
    return f"j{job_id}"


def job_of(cursor: str | None) -> str | None:
    """The job behind which the next page begins."""
    return cursor and cursor[1:]


def _one_of(pattern: re.Pattern[str]) -> Any:
    def check(value: str | None) -> str | None:
        if value is None or pattern.fullmatch(value):
            return value
        raise wrong("is no cursor of this list; take next_cursor of the page before, or leave it out")

    return AfterValidator(check)


_ABOUT = "next_cursor of the page before; left out: the first page."
ChunkCursor = Annotated[
    str | None, _one_of(_CHUNK), Field(description=_ABOUT, json_schema_extra={"pattern": f"^{_CHUNK.pattern}$"})
]
JobCursor = Annotated[
    str | None, _one_of(_JOB), Field(description=_ABOUT, json_schema_extra={"pattern": f"^{_JOB.pattern}$"})
]
