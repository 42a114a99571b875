"""Which script a text is written in, coarsely: from the Unicode names of a sample of its letters."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

_WINDOWS, _WINDOW = 16, 64  # a sample, not the whole: naming every letter would cost more than all the rest

_UNSPACED = frozenset({"Han", "Japanese", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"})
_UNMARKED = frozenset({"Thai", "Lao"})
_WITH_CAPITALS = frozenset({"Latin", "Cyrillic", "Greek", "Armenian"})
_LABELS = {"Han": "Chinese characters", "Japanese": "Japanese writing", "Hangul": "Hangul (Korean)"}


@dataclass(frozen=True, slots=True)
class Writing:
    """A script by its Unicode name (`Han` and `Japanese` for CJK), "" for a text without letters."""

    script: str

    @property
    def spaced(self) -> bool:
        """Whether words are set apart, so that they can be counted."""
        return self.script not in _UNSPACED

    @property
    def has_marks(self) -> bool:
        """Whether a sentence's end can be seen."""
        return self.script not in _UNMARKED

    @property
    def has_capitals(self) -> bool:
        """Whether names can be told by their capitals."""
        return self.script in _WITH_CAPITALS

    @property
    def label(self) -> str:
        """The script as a reader calls it."""
        return _LABELS.get(self.script, f"{self.script} script" if self.script else "no letters")


LATIN = Writing("Latin")


def writing_of(text: str) -> Writing:
    """The script most sampled letters belong to; Japanese when a tenth of the CJK ones are kana."""
    found: Counter[str] = Counter()
    for char, count in Counter(_sample(text)).items():
        found[_script(char)] += count
    del found[""]
    cjk = found.pop("Han", 0) + found["Kana"]
    kana = found.pop("Kana", 0)
    if cjk:
        found["Japanese" if kana * 10 >= cjk else "Han"] = cjk
    return Writing(max(sorted(found), key=lambda script: found[script], default=""))


def _sample(text: str) -> str:
    if len(text) <= _WINDOWS * _WINDOW:
        return text
    step = (len(text) - _WINDOW) // (_WINDOWS - 1)
    return "".join([text[at * step : at * step + _WINDOW] for at in range(_WINDOWS)])


@lru_cache(maxsize=8192)
def _script(char: str) -> str:
    if not char.isalpha():
        return ""
    name = unicodedata.name(char, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").partition(" ")[0]
    if name in ("HIRAGANA", "KATAKANA"):
        return "Kana"
    return "Han" if name.startswith("CJK") else name.title()
