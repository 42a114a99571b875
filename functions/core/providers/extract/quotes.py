"""Quotes: verbatim, with the offsets of exactly what is quoted."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# A quote with one of these could not be stored or shown; another sentence is quoted instead.
_UNSTORABLE = re.compile("[\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\ud800-\udfff]")

_BOILERPLATE = (
    "copyright",
    "©",
    "all rights reserved",
    "gutenberg",
    "isbn",
    "http:",
    "https:",
    "www.",
    "table of contents",
    "terms of use",
    "license",
    "licence",
    "click here",
    "subscribe",
    "cookies",
)
_HEADINGS = ("chapter ", "contents", "page ", "section ", "article ")


@dataclass(frozen=True, slots=True)
class Quote:
    """`text[start:end]`; `broken` says that more of the sentence stands before or behind it."""

    start: int
    end: int
    broken_before: bool = False
    broken_behind: bool = False


def one_space(text: str) -> str:
    """Every run of white space as one space: how a quote is shown, so that it stays on its line."""
    return " ".join(text.split())


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its ends."""
    part = text[start:end]
    return end - len(part.lstrip()), start + len(part.rstrip())


def quote_of(text: str, start: int, end: int, limit: int, *, broken_before: bool = False) -> Quote:
    """At most `limit` characters of a span, cut at a space where there is one in the second half."""
    start, end = trimmed(text, start, end)
    if end - start <= limit:
        return Quote(start, end, broken_before)
    cut = start + limit
    part = text[start : cut + 1]
    space = max(part.rfind(" "), part.rfind("\n"), part.rfind("\t"))
    if space > limit // 2:
        cut = start + len(part[:space].rstrip())
    else:
        # Never between a character and its marks, however many; 16 is far beyond any script's.
        floor = cut - 16
        while cut > floor and cut > start + 1 and unicodedata.category(text[cut])[0] == "M":
            cut -= 1
    return Quote(start, cut, broken_before, True)


def shown(text: str, quote: Quote, offset: int) -> str:
    """The line of a quote; `offset` is where the text begins in its document."""
    before = "... " if quote.broken_before else ""
    behind = " ..." if quote.broken_behind else ""
    span = f"[{offset + quote.start}-{offset + quote.end}]"
    return f'{span} {before}"{one_space(text[quote.start : quote.end])}"{behind}'


def is_storable(text: str) -> bool:
    """Whether it may be quoted: no NUL, no other control character but white space, no lone surrogate."""
    # The first test is the interpreter's own loop; it also refuses what is only invisible, as ZWNJ.
    return one_space(text).isprintable() or _UNSTORABLE.search(text) is None


def worth(part: str, *, whole: bool) -> float:
    """How fit a sentence is to be quoted, 0 (never) to 1; `whole` says that its beginning and end are its own."""
    part = part.strip()
    if not part or not is_storable(part):
        return 0.0
    factor = 1.0 if whole else 0.6
    folded = part.lower()
    if folded.startswith(_HEADINGS) or any(mark in folded for mark in _BOILERPLATE):
        factor *= 0.2
    if part.isupper():
        factor *= 0.3
    if len(part) < 25:
        factor *= 0.5
    return factor
