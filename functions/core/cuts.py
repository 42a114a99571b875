"""The best place to cut a text that must be cut: after a paragraph, else a line, else a sentence, else a space. Pure.

Everything is searched in reversed text, so that the first match is the last place. Each pattern begins with one set of
characters (the engine skips to it) and looks only at what stands around it: no text makes any of them quadratic. Cheap
`in` tests come first, because a long text without any place to cut is where the time goes.

Every place found is a boundary of grapheme clusters too.
"""

from __future__ import annotations

import re
from itertools import islice

from functions.core.graphemes import CLOSING, JOINED, OPENING_QUOTES

_LINE_ENDS = "\n\r\v\f\x85\u2028\u2029"
_BLANK = r"\t \xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
# White space without U+00A0, U+2007 and U+202F, which forbid a break; and what separates words instead of it: the
# Tibetan tsheg, the Ethiopic wordspace, the zero-width space.
_SPACE = r"\t \u1680\u2000-\u2006\u2008-\u200a\u205f\u3000\u0f0b\u1361\u200b"
# Sentence_Terminal of Unicode's basic plane, and the Tibetan shad. The first need a space behind them: think of "3.14".
_WEAK_STOP = r".!?\u203c\u203d\u2026\u2047-\u2049\u2e2e\ufe52\uff0e"
_STOP = (
    r"\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u0f0d\u0f0e\u104a\u104b\u1362"
    r"\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b5a\u1b5b\u1b5e\u1b5f\u1c3b"
    r"\u1c3c\u1c7e\u1c7f\u2e3c\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9"
    r"\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb\ufe56\ufe57\uff01\uff1f\uff61"
)
_CLOSER = rf"{CLOSING}\"'"
_WEAK_CLOSER = rf"{_CLOSER}{OPENING_QUOTES}*_\xa0\u202f"  # before a space: German ends with “, Markdown with **
_TAIL = _STOP + _CLOSER
_WEAK_TAIL = _WEAK_STOP + _STOP + _WEAK_CLOSER

_LINE = re.compile(rf"[{_LINE_ENDS}](?<!\n\r)")
_PARAGRAPH = re.compile(
    rf"[{_LINE_ENDS}](?<!\n\r)(?:(?<=\u2029)|(?:(?<=\n)\r)?+[{_BLANK}]*+[{_LINE_ENDS}])",
)
_WORD = re.compile(rf"[{_SPACE}](?<![{JOINED}].)", re.DOTALL)
_SENTENCE = re.compile(
    rf"[{_TAIL}](?<![{_TAIL}{_SPACE}{JOINED}].)(?:(?<=[{_STOP}])|[{_CLOSER}]*+[{_STOP}])",
    re.DOTALL,
)
_SENTENCE_BEFORE_SPACE = re.compile(
    rf"[{_WEAK_TAIL}](?<=[{_SPACE}].)(?:(?<=[{_WEAK_STOP}{_STOP}])|[{_WEAK_CLOSER}]*+[{_WEAK_STOP}{_STOP}])",
)
_SPACES = re.compile(rf"[{_SPACE}]*+(?![{JOINED}])")  # forwards
_TRIES = 8  # one sentence may end in spaces that go on past the limit; more are marks on spaces, which no text has


def best_cut(window: str, deepest: int) -> int | None:
    """How many characters from the end of `window` the best cut lies, 1 to `deepest`; None if there is no good place.

    The last character of `window` is the first one that does not fit. Those before `deepest` are there to be looked at:
    they tell what a sentence or a blank line is.
    """
    back = window[::-1]
    cut = _line_cut(window, back, deepest)
    return _word_cut(window, back, deepest) if cut is None else cut


def _line_cut(window: str, back: str, deepest: int) -> int | None:
    """After a paragraph, else after a line."""
    if not any(end in window for end in _LINE_ENDS):
        return None
    line = _LINE.search(back, 1, deepest + 1)
    if line is None:
        return None
    paragraph = _PARAGRAPH.search(back, line.start())
    return paragraph.start() if paragraph and paragraph.start() <= deepest else line.start()


def _word_cut(window: str, back: str, deepest: int) -> int | None:
    """After a sentence, else after a space."""
    space = _space_cut(window, back, deepest)
    sentences = [_sentence_cut(back, deepest), _spaced_sentence_cut(window, back, space, deepest)]
    return min((cut for cut in sentences if cut is not None), default=space)


def _space_cut(window: str, back: str, deepest: int) -> int | None:
    if window.isascii() and " " not in window and "\t" not in window:
        return None
    space = _WORD.search(back, 1, deepest + 1)
    return space.start() if space else None


def _sentence_cut(back: str, deepest: int) -> int | None:
    """After a full stop that needs no space, and has none."""
    if back.isascii():
        return None
    end = _SENTENCE.search(back, 1)
    return end.start() if end and end.start() <= deepest else None


def _spaced_sentence_cut(window: str, back: str, space: int | None, deepest: int) -> int | None:
    """After all the spaces behind a full stop; `space` is where the last space ends."""
    if space is None or (window.isascii() and not any(stop in window for stop in ".!?")):
        return None
    for end in islice(_SENTENCE_BEFORE_SPACE.finditer(back, space + 1), _TRIES):
        spaces = _SPACES.match(window, len(window) - end.start())
        cut = len(window) - spaces.end() if spaces else 0
        if cut > 0:
            return cut if cut <= deepest else None
    return None
