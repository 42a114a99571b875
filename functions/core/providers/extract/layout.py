"""The lines of an answer."""

from __future__ import annotations

from functions.core.providers.extract import quotes
from functions.core.providers.extract.quotes import Quote
from functions.core.providers.extract.scripts import Writing


def head(text: str, char_start: int, what: str) -> str:
    """The first line: where the text stands, how long it is, what it is taken for."""
    return f"Characters {char_start}-{char_start + len(text)} ({len(text):,}): {what}."


def fitted(lines: list[str], budget: int) -> str:
    """The lines that fit, in order; a long one may give way to shorter ones behind it."""
    taken: list[str] = []
    for line in lines:
        if len(line) + 1 <= budget:
            taken.append(line)
            budget -= len(line) + 1
    return "\n".join(taken)


def titled(title: str, text: str, char_start: int, found: list[Quote]) -> list[str]:
    """A line for each quote; the title stands or falls with the first."""
    lines = [quotes.shown(text, quote, char_start) for quote in found]
    spaced = any(quotes.one_space(part) != part for part in [text[quote.start : quote.end] for quote in found])
    note = " (white space runs shown as one space)" if spaced else ""
    return [f"{title}{note}:\n{lines[0]}", *lines[1:]] if lines else []


def quote_limit(length: int, writing: Writing) -> int:
    """Characters a quote may have: scripts that set no words apart say as much in half of them."""
    limit = min(220, max(120, length // 3))
    return limit if writing.spaced else min(limit, 110)


def listed(title: str, found: list[tuple[str, int]], items: int) -> str:
    """`Title: one (3), two` with the number of those left out; empty when nothing was found."""
    if not found:
        return ""
    said = [f"{name} ({count})" if count > 1 else name for name, count in found[:items]]
    more = f" and {len(found) - items} more" if len(found) > items else ""
    return f"{title}: {', '.join(said)}{more}"
