"""Where sentences end, in the marks of many scripts; lines where a text has no marks."""

from __future__ import annotations

import re

Span = tuple[int, int]

_MOST = 4_000  # sentences; where more end, the shortest are joined
_SPARED = 8  # abbreviations in a row before one is taken for an end after all
_LONGEST = 480  # without a mark for so long, a text is parted at white space

_SHORT_FORMS = (
    "Mr Mrs Ms Dr St Prof Rev Capt Gen Col Lt Sgt Hon Gov Sen Rep Messrs Jr Sr Mt No Nos Vol vol Ch Fig fig vs viz cf "
    "ca Inc Ltd Co Nr bzw Mme Mlle Sra e.g i.e z.B d.h p.ex"
)
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
_SOFT = ".!?…"  # end a sentence before white space only
_HARD = "。！？｡।॥።፧፨؟۔។။༎"  # need no white space after them
_CLOSERS = "\"'”’»)\\]」』）】›"

# The first character class lets the search skip ahead; the look-behinds then say which kind of end it is.
_END = (
    rf"[{_SOFT}{_HARD}\n](?:"
    rf"(?<=[{_SOFT}])[{_SOFT}]{{0,5}}[{_CLOSERS}]{{0,3}}(?=\s)(?!\s{{1,4}}[a-zà-ÿ])"
    rf"|(?<=[{_HARD}])[{_HARD}]{{0,4}}[{_CLOSERS}]{{0,3}}"
    r"|(?<=\n)"
)
_WRAPPED = re.compile(_END + r"[ \t\r]*\n)")  # a blank line ends a sentence, a line break does not
# Every line is a paragraph, but for one that plainly goes on: a letter before the break, a small one behind it.
_UNWRAPPED = re.compile(_END + r"(?!(?:(?<=[^\W\d_]\n)|(?<=[^\W\d_]\r\n))[ \t]{0,8}[a-zà-ÿ]))")


def sentences(text: str, *, by_line: bool, shortest: int) -> list[Span]:
    """Half-open spans that tile the text; white space around a sentence belongs to one of its neighbours.

    `by_line` says that a line break ends a sentence. A mark that comes before `shortest` characters ("No. 5",
    "CHAPTER 1.") ends nothing.
    """
    spans: list[Span] = []
    start = spared = 0
    shortest = max(shortest, len(text) // _MOST)
    for end in [match.end() for match in (_UNWRAPPED if by_line else _WRAPPED).finditer(text)]:
        if end - start < shortest:
            continue
        if spared < _SPARED and text[end - 1] == "." and _is_abbreviation(text[max(start, end - 8) : end - 1]):
            spared += 1
            continue
        spans += _parted(text, start, end) if end - start > _LONGEST else [(start, end)]
        start, spared = end, 0
    if spans and not text[start:].strip():
        return [*spans[:-1], (spans[-1][0], len(text))]
    return spans + _parted(text, start, len(text))


def _is_abbreviation(before: str) -> bool:
    """Whether the full stop behind these characters belongs to their last word: a short form, or an initial."""
    word = before.split()[-1:]
    if not word:
        return False
    bare = word[0].lstrip("(\"'“‘«")
    return bare in _ABBREVIATIONS or (len(bare) == 1 and bare.isupper() and bare != "I") or bare[-2:-1] == "."


def _parted(text: str, start: int, end: int) -> list[Span]:
    spans: list[Span] = []
    while end - start > _LONGEST:
        limit = start + _LONGEST // 2
        # Best after a semicolon, then a comma, then at any space, else in the middle of whatever it is.
        cut = max(text.rfind(mark, start + _LONGEST // 4, limit) for mark in ("; ", ", "))
        if cut < 0:
            cut = max(text.rfind(" ", start + 1, limit), text.rfind("\n", start + 1, limit))
        cut = limit if cut < 0 else cut + 1
        spans.append((start, cut))
        start = cut
    if end > start:
        spans.append((start, end))
    return spans
