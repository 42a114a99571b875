"""Reads the texts of claimed chunks, with what stands beside them: neighbours with one ranged GET."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from functions.core.errors import DocumentUnreadable, Permanent, Retryable
from functions.core.model import Claim
from functions.core.ports import Documents

_LONGEST_CHARACTER = 4  # bytes of UTF-8


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The text of a chunk; `before` and `after` it, for context, no more than its job's overlap."""

    text: str
    before: str = ""
    after: str = ""


Text = Excerpt | Permanent | Retryable


async def read_texts(documents: Documents, claims: Sequence[Claim]) -> dict[Claim, Text]:
    """The text of each claim, or why there is none."""
    groups = await asyncio.gather(*(_read_group(documents, group) for group in neighbours(claims)))
    return {claim: text for group in groups for claim, text in group}


def neighbours(claims: Sequence[Claim]) -> list[list[Claim]]:
    """The claims in groups whose spans touch, each in document order."""
    groups: list[list[Claim]] = []
    for claim in sorted(claims, key=lambda claim: (claim.source.key, claim.span.byte_start)):
        last = groups[-1][-1] if groups else None
        if last and (last.source, last.span.byte_end) == (claim.source, claim.span.byte_start):
            groups[-1].append(claim)
        else:
            groups.append([claim])
    return groups


async def _read_group(documents: Documents, group: Sequence[Claim]) -> list[tuple[Claim, Text]]:
    first = min(_begin(claim) for claim in group)
    try:
        data = await documents.read(group[0].source, first, max(_end(claim) for claim in group))
    except (Permanent, Retryable) as error:
        if isinstance(error, DocumentUnreadable) and len(group) > 1:  # one of them, not all
            return [text for claim in group for text in await _read_group(documents, [claim])]
        return [(claim, error) for claim in group]
    return [(claim, _excerpt(claim, data, first)) for claim in group]


def _begin(claim: Claim) -> int:
    """The byte from which on its context is read."""
    return max(0, claim.span.byte_start - _LONGEST_CHARACTER * claim.overlap_chars)


def _end(claim: Claim) -> int:
    beside = min(_LONGEST_CHARACTER * claim.overlap_chars, claim.document_bytes - claim.span.byte_end)
    return claim.span.byte_end + max(0, beside)


def _excerpt(claim: Claim, data: bytes, first: int) -> Text:
    """The claim's part of `data`, which begins at the byte `first` of the document."""
    text = _decode(claim, data[claim.span.byte_start - first : claim.span.byte_end - first])
    if not isinstance(text, str):
        return text
    if not claim.overlap_chars:
        return Excerpt(text)
    before = data[_begin(claim) - first : claim.span.byte_start - first]
    after = data[claim.span.byte_end - first : _end(claim) - first]
    return Excerpt(text, _whole(before)[-claim.overlap_chars :], _whole(after)[: claim.overlap_chars])


def _whole(beside: bytes) -> str:
    """Without what was cut off of a character at either end. Context fails no chunk, whatever it holds."""
    torn = 0
    while torn < min(_LONGEST_CHARACTER - 1, len(beside)) and beside[torn] & 0xC0 == 0x80:
        torn += 1
    return codecs.getincrementaldecoder("utf-8")("replace").decode(beside[torn:])


def _decode(claim: Claim, data: bytes) -> str | DocumentUnreadable:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if len(text) != claim.span.char_end - claim.span.char_start:
        return DocumentUnreadable(
            f"bytes {claim.span.byte_start} to {claim.span.byte_end} of the document are not the characters "
            f"{claim.span.char_start} to {claim.span.char_end} of its plan"
        )
    if claim.span.sha256 not in (None, hashlib.sha256(data).hexdigest()):
        return DocumentUnreadable(
            f"bytes {claim.span.byte_start} to {claim.span.byte_end} of the document are not those that were planned"
        )
    return text
