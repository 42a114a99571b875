"""How many chunks a document may make, while it is still being read. Pure."""

from __future__ import annotations

from math import ceil

from functions.core.chunking import MAX_CHUNK_CHARS, fewest_chunks
from functions.core.errors import TooManyChunks
from functions.core.model import Plan, Span

_LONGEST_CHARACTER = 4  # bytes of UTF-8
_ROOM = 1.1  # chunks are about as full at every size, and the rest is about like what has been read


def refuse_too_many(plan: Plan, last: Span, most: int) -> None:
    """Raise TooManyChunks as soon as it is certain: the chunks up to `last`, and the fewest that can follow."""
    found = last.chunk_index + 1
    rest = plan.document_bytes - last.byte_end
    if found + fewest_chunks(-(-rest // _LONGEST_CHARACTER), plan.max_chunk_chars) <= most:
        return
    fits = _fitting(plan, last, most)
    way_out = (
        f"analyse it again with a max_chunk_chars of {fits}"
        if fits
        else f"not even {MAX_CHUNK_CHARS} would do: split the document"
    )
    raise TooManyChunks(
        f"the document makes more than {most} chunks of up to {plan.max_chunk_chars} characters; {way_out}"
    )


def _fitting(plan: Plan, last: Span, most: int) -> int | None:
    """A `max_chunk_chars` with which the document should make no more than `most`; None: there is none."""
    rest = plan.document_bytes - last.byte_end
    characters = last.char_end * plan.document_bytes / last.byte_end
    fullness = last.char_start / (last.chunk_index * plan.max_chunk_chars) if last.chunk_index else 1.0
    least = max(characters / fullness, last.char_end + rest / _LONGEST_CHARACTER) / most
    if round(least) > MAX_CHUNK_CHARS:
        return None
    certain = 2 * ceil((last.char_end + rest) / most)  # were all of it ASCII, and every chunk half full
    return max(plan.max_chunk_chars + 1, min(_rounded_up(least * _ROOM), certain, MAX_CHUNK_CHARS))


def _rounded_up(number: float) -> int:
    """To two digits that are not 0."""
    unit = int(10 ** max(0, len(str(ceil(number))) - 2))
    return ceil(number / unit) * unit
