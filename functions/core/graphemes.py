"""Where user-perceived characters begin and end, in any script. Pure.

Unicode's extended grapheme clusters (UAX 29, rules GB3 to GB13): CRLF, letters with their combining marks, emoji with
skin tones, tags and zero-width joiners, flags, keycaps, conjoining Hangul, conjuncts of six Indic scripts. Categories
come from the interpreter's own Unicode tables. Two choices err on the side of keeping together: every Mc joins what
stands before it (UAX 29 excepts a few of Myanmar), and the pictographs are whole blocks.

The repetitions are possessive, or cannot match in two ways: every scan is linear, whatever the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

# Where Unicode keeps marks, controls and quotes, but for a few that are named below. Going through all of it would take
# several times as long, at every cold start.
_SCANNED = (
    *(range(0x3100), range(0xA660, 0xAC00), range(0xFB00, 0x12000), range(0x13430, 0x13460), range(0x16A00, 0x17000)),
    *(range(0x1BC00, 0x1BD00), range(0x1CF00, 0x1DB00), range(0x1E000, 0x1EA00)),
)


def _by_category() -> dict[str, list[int]]:
    found = defaultdict(list)
    for block in _SCANNED:
        for code, category in zip(block, map(unicodedata.category, map(chr, block)), strict=True):
            found[category].append(code)
    return found


def char_set(codes: Iterable[int]) -> str:
    """The inside of a `[...]` pattern that matches the given code points."""
    runs: list[list[int]] = []
    for code in sorted(set(codes)):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in runs)


_CATEGORIES = _by_category()
_JOINER = 0x200D
_TAGS = range(0xE0020, 0xE0080)
_SELECTORS = range(0xE0100, 0xE01F0)
_PREPENDED = [0xD4E, 0x111C2, 0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02]
_PREPENDED += [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD]
_VIRAMAS = [0x94D, 0x9CD, 0xACD, 0xB4D, 0xC4D, 0xD4D]  # Devanagari, Bengali, Gujarati, Oriya, Telugu, Malayalam

_EMOJI_MARKS = [*range(0x1F3FB, 0x1F400), *_TAGS]

_marks = [*_CATEGORIES["Mn"], *_CATEGORIES["Me"], 0x200C, 0xFF9E, 0xFF9F, *_EMOJI_MARKS, *_SELECTORS]
_joined = [*_marks, *_CATEGORIES["Mc"], _JOINER, 0xE33, 0xEB3]
_formats = set(_CATEGORIES["Cf"]) - {0x200C, _JOINER} - set(_PREPENDED)
_controls = [*_CATEGORIES["Cc"], *_CATEGORIES["Zl"], *_CATEGORIES["Zp"], *_formats]

JOINED = char_set(_joined)
"""The inside of a character set: what never stands apart from the character before it."""

CLOSING = char_set([*_CATEGORIES["Pe"], *_CATEGORIES["Pf"]])
OPENING_QUOTES = char_set(_CATEGORIES["Pi"])

# The engine finds a character of the basic plane in a set at once, but walks through all the ranges beyond it.
_JOINED_BASIC = char_set(code for code in _joined if code < 0x10000)
_usual_marks = {*(code for code in _marks if code < 0x10000), *_EMOJI_MARKS}
_USUAL_MARK = char_set(_usual_marks)
_ZWJ = char_set([_JOINER])
_CONTROL = char_set(_controls)
_PREPEND = char_set(_PREPENDED)
_FLAG = char_set(range(0x1F1E6, 0x1F200))
_PICTOGRAPHS = [0xA9, 0xAE, 0x203C, 0x2049, 0x2122, 0x2139, *range(0x2190, 0x2C00), 0x3030, 0x303D, 0x3297, 0x3299]
_PICTOGRAPHS += [*range(0x1F000, 0x1F1E6), *range(0x1F200, 0x1F3FB), *range(0x1F400, 0x1FB00), *range(0x1FC00, 0x1FFFE)]
_PICTOGRAPH = char_set(_PICTOGRAPHS)
_L = char_set([*range(0x1100, 0x1160), *range(0xA960, 0xA980)])
_V = char_set([*range(0x1160, 0x11A8), *range(0xD7B0, 0xD7C7)])
_T = char_set([*range(0x11A8, 0x1200), *range(0xD7CB, 0xD7FC)])
_LV = char_set(range(0xAC00, 0xD7A4, 28))
_SYLLABLE = char_set(range(0xAC00, 0xD7A4))
_CONSONANT = char_set(virama - 0x4D + low for virama in _VIRAMAS for low in [*range(0x15, 0x3A), *range(0x58, 0x60)])
_VIRAMA = char_set(_VIRAMAS)
_LINKED = char_set([*(_usual_marks - {0x200C, *_VIRAMAS}), _JOINER])

# One cluster, forwards. The empty alternative is for a prepended sign that nothing follows.
_CLUSTER = re.compile(
    rf"\r\n|[{_CONTROL}]|[{_PREPEND}]*+(?:"
    rf"[{_FLAG}]{{2}}"
    rf"|[{_L}]*(?:[{_V}]++|[{_LV}][{_V}]*+|[{_SYLLABLE}])[{_T}]*+|[{_L}]++|[{_T}]++"
    rf"|[{_PICTOGRAPH}](?:[{_USUAL_MARK}]*+[{_ZWJ}][{_PICTOGRAPH}])*+"
    rf"|[{_CONSONANT}](?:[{_LINKED}]*+[{_VIRAMA}][{_VIRAMA}{_LINKED}]*+[{_CONSONANT}])*+"
    rf"|[^{_CONTROL}]|)[{JOINED}]*+"
)

# Backwards (over reversed text): everything up to a place that is a boundary whatever stands before it. May go further
# than need be, never stops short: `_CLUSTER` counts forward again from there.
_GLUE = re.compile(
    rf"(?:[{_JOINED_BASIC}]++|[{_FLAG}]++|[{_PICTOGRAPH}](?=[{_ZWJ}][{_USUAL_MARK}]*+[{_PICTOGRAPH}])"
    rf"|[{_V}{_T}]++|[{_L}{_SYLLABLE}](?=[{_L}])[{_L}]++|[{_CONSONANT}](?=[{_LINKED}]*+[{_VIRAMA}])"
    rf"|[^{_CONTROL}](?=[{_PREPEND}])[{_PREPEND}]++|\n(?=\r)|[{JOINED}])*+"
)
_FLAGS = re.compile(rf"[{_FLAG}]*+")


def last_boundary(text: str, start: int, at: int) -> int:
    """The last cluster boundary in `text[start : at + 1]` that is not past `at`; clusters are counted from `start`.

    Needs `start < at < len(text)`. Looks at no more than those characters, a bounded number of times each.
    """
    if text[at] < "\u0300" and text[at - 1] < "\u0300":  # below the first combining mark only CRLF holds together
        return at - 1 if text[at] == "\n" and text[at - 1] == "\r" else at
    glue = _GLUE.match(text[start : at + 1][::-1])
    assert glue is not None
    here = max(start, at - glue.end())
    while here < at:
        run = _FLAGS.match(text, here, at)
        assert run is not None
        here += max(0, (run.end() - here - 1) // 2 * 2)  # whole flags at one stroke: a run of them may be long
        end = cluster_end(text, here, at + 1)
        if end > at:
            return here
        here = end
    return here


def cluster_end(text: str, start: int, limit: int) -> int:
    """Where the cluster that begins at `start` ends, at most `limit`."""
    cluster = _CLUSTER.match(text, start, limit)
    assert cluster is not None
    return cluster.end()
