"""What is no prose: said, with its first and last line."""

from __future__ import annotations

import re

from functions.core.providers.extract import quotes
from functions.core.providers.extract.kinds import Kind
from functions.core.providers.extract.layout import head, quote_limit, titled
from functions.core.providers.extract.scripts import Writing
from functions.core.providers.extract.sentences import Span

_NONBLANK = re.compile(r"\S[^\n]*")


def look(text: str, char_start: int, kind: Kind, writing: Writing) -> list[str]:
    """The lines about a text without sentences."""
    start, end = quotes.trimmed(text, 0, len(text))
    first_line = head(text, char_start, f"{kind}{_detail(text, start, kind)}")
    if kind in (Kind.BLANK, Kind.REPEATED):
        return [first_line]
    limit = quote_limit(len(text), writing) // 2
    first = text.find("\n", start, end)
    if first < 0:
        return [first_line, *_quoted(text, char_start, [(start, end)], limit)]
    last = text.rfind("\n", start, end) + 1
    return [first_line, *_quoted(text, char_start, [(start, first), (last, end)], limit)]


def _detail(text: str, start: int, kind: Kind) -> str:
    if kind is Kind.REPEATED:
        char = text[start]
        return f": {char!r}" if char.isprintable() else f": U+{ord(char):04X}"
    if kind in (Kind.TABLE, Kind.LOG, Kind.CODE, Kind.NUMBERS):
        rows = sum(1 for _ in _NONBLANK.finditer(text))
        return f", {rows:,} {'row' if kind is Kind.TABLE else 'line'}{'' if rows == 1 else 's'}"
    return ""


def _quoted(text: str, char_start: int, spans: list[Span], limit: int) -> list[str]:
    found = [quotes.quote_of(text, start, end, limit) for start, end in spans]
    storable = [quote for quote in found if quotes.is_storable(text[quote.start : quote.end])]
    title = "All of it" if len(spans) == 1 and not found[0].broken_behind else "First and last line"
    return titled("Begins" if len(spans) == 1 and found[0].broken_behind else title, text, char_start, storable)
