"""Reads the texts of claimed chunks: neighbours with one ranged GET."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from functions.core.errors import DocumentUnreadable, Permanent, Retryable
from functions.core.model import Claim
from functions.core.ports import Documents

Text = str | Permanent | Retryable


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
    first = group[0].span.byte_start
    try:
        data = await documents.read(group[0].source, first, group[-1].span.byte_end)
    except (Permanent, Retryable) as error:
        if isinstance(error, DocumentUnreadable) and len(group) > 1:  # one of them, not all
            return [text for claim in group for text in await _read_group(documents, [claim])]
        return [(claim, error) for claim in group]
    return [
        (claim, _decode(claim, data[claim.span.byte_start - first : claim.span.byte_end - first])) for claim in group
    ]


def _decode(claim: Claim, data: bytes) -> Text:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if len(text) != claim.span.char_end - claim.span.char_start:
        return DocumentUnreadable(
            f"bytes {claim.span.byte_start} to {claim.span.byte_end} of the document are not the characters "
            f"{claim.span.char_start} to {claim.span.char_end} of its plan"
        )
    return text
