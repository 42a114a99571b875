"""What kind of text it is, as far as its characters and lines tell: prose, or something no sentence is in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from functions.core.providers.extract.scripts import Writing


class Kind(StrEnum):
    """The value is what the head line says."""

    PROSE = "prose"
    LINES = "short lines (a list, headings or verse)"
    BLANK = "nothing but white space"
    SHORT = "too short to tell"
    REPEATED = "little but one character repeated"
    NUMBERS = "numbers"
    SYMBOLS = "symbols, no words"
    ENCODED = "encoded data (like base64 or hex)"
    TABLE = "looks like a table"
    LOG = "looks like a log"
    CODE = "looks like code, markup or data"

    @property
    def has_sentences(self) -> bool:
        """Whether sentences and names can be looked for."""
        return self in (Kind.PROSE, Kind.LINES)


_LINES_LOOKED_AT = 4_000
_ROWS_SAMPLED = 24

_LETTER, _DIGIT, _SPACE, _CODE, _OTHER = b"a0 {."
_CODE_MARKS = frozenset(b"{}[]()<>;=_\\|&#$@+~^*/")


def _class_of(code: int) -> int:
    char = chr(code)
    if char.isalpha():
        return _LETTER
    if char.isdecimal():
        return _DIGIT
    if char.isspace():
        return _SPACE
    return _CODE if code in _CODE_MARKS else _OTHER


_CLASSES = bytes(map(_class_of, range(256)))


@dataclass(frozen=True, slots=True)
class Census:
    """How many characters of each sort: by translation and counting, both loops of the interpreter's own."""

    classes: bytes
    visible: int  # all that are not white space of Latin-1
    digits: int
    code: int

    @property
    def letters(self) -> int:
        """Letters of Latin-1."""
        return self.classes.count(_LETTER)


def census_of(data: bytes) -> Census:
    """Of a text in Latin-1, with "?" for every other character."""
    classes = data.translate(_CLASSES)
    return Census(classes, len(data) - classes.count(_SPACE), classes.count(_DIGIT), classes.count(_CODE))


def kind_of(text: str, data: bytes, writing: Writing) -> Kind:
    """The first kind that fits, from the surest to the least sure; `data` is the text in Latin-1."""
    rows = _rows(text)
    if not rows:
        return Kind.BLANK
    census = census_of(data)
    kind = _by_characters(text, census, writing)
    if kind is Kind.NUMBERS and len(rows) >= 3 and _is_table(rows):
        return Kind.TABLE
    return kind or _by_rows(rows, census, writing) or Kind.PROSE


def _by_characters(text: str, census: Census, writing: Writing) -> Kind | None:
    if census.visible >= 12 and text.count(text.lstrip()[0]) >= 0.95 * census.visible:
        return Kind.REPEATED
    if census.visible < (12 if writing.spaced else 6):
        return Kind.SHORT
    if census.digits >= 0.4 * census.visible and census.letters < 0.1 * census.visible:
        return Kind.NUMBERS
    if not writing.script:
        return Kind.SYMBOLS
    if text.isascii() and census.visible > 25 * (len(text) - census.visible + 1) and "://" not in text:
        return Kind.ENCODED
    return None


def _by_rows(rows: list[str], census: Census, writing: Writing) -> Kind | None:
    if len(rows) >= 3:
        if _share(rows, _is_log_line) >= 0.6:
            return Kind.LOG
        if _is_table(rows):
            return Kind.TABLE
    if census.code >= 0.05 * census.visible:
        return Kind.CODE
    if len(rows) >= 5 and sum(map(len, rows)) < (40 if writing.spaced else 16) * len(rows):
        return Kind.LINES
    return None


def _rows(text: str) -> list[str]:
    """A sample of the lines that are not blank, from all over the first few thousand."""
    rows = list(filter(str.strip, text.split("\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]))
    step = len(rows) // _ROWS_SAMPLED + 1
    return [row[:400].strip() for row in rows[::step]] if rows else []


def _share(rows: list[str], test: Callable[[str], bool]) -> float:
    return sum(1 for row in rows if test(row)) / len(rows)


_LOG_START = re.compile(
    r"[\[(<\"']{0,2}(?:\d{4}[-/]\d\d[-/]\d\d[ T]|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d|\d{10,13}[ .])"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b"
    r"|\S{1,60} \S{1,60} \S{1,60} \[\d\d/[A-Z][a-z]{2}/\d{4}:"
)


def _is_log_line(row: str) -> bool:
    return _LOG_START.match(row) is not None


def _is_table(rows: list[str]) -> bool:
    """Whether most rows agree on how many columns there are."""
    joined = "\n".join(rows)
    for mark, cells_of in (("\t", _by_tab), ("|", _by_bar), (";", _by_semicolon), (",", _by_comma), ("  ", _by_gaps)):
        if joined.count(mark) < len(rows) // 2:
            continue
        counts = Counter(map(cells_of, rows))
        cells, agreeing = counts.most_common(1)[0]
        if cells >= 2 and agreeing >= 0.8 * len(rows):
            return True
    return False


def _by_tab(row: str) -> int:
    return row.count("\t") + 1


def _by_bar(row: str) -> int:
    return row.strip("|").count("|") + 1


def _by_semicolon(row: str) -> int:
    # A line of prose may hold one; a table of two columns is taken for prose rather than the other way round.
    cells = row.count(";") + 1
    return cells if cells >= 3 else 0


def _by_comma(row: str) -> int:
    # Commas of prose are followed by a space and stand far apart.
    cells = row.count(",") + 1
    return cells if cells >= 3 and len(row) < 25 * cells and row.count(", ") * 2 < cells else 0


def _by_gaps(row: str) -> int:
    cells = sum(1 for cell in row.split("  ") if cell)
    return cells if cells >= 3 else 0
