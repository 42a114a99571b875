"""Names: runs of capitalised words, in scripts that have capitals and languages that keep them for names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

_UPPER = "A-Z" + "".join(
    chr(code)
    for first, last in ((0xC0, 0x250), (0x370, 0x590), (0x1E00, 0x2000))
    for code in range(first, last)
    if chr(code).isupper()
)
_SHORT_TITLE_NAMES = "Mr Mrs Ms Dr Prof Rev Capt Gen Col Lt Sgt Hon Gov Sen Rep St Messrs Mme Mlle Sra Sr Jr"
_SHORT_TITLES = _SHORT_TITLE_NAMES.split()
_TITLE_NAMES = (
    "Captain President Senator Governor Sir Lord Lady King Queen Prince Princess Professor Doctor Reverend Father "
    "Mother Brother Sister Saint General Colonel Major Lieutenant Sergeant Admiral Commodore Judge Miss Madam Madame "
    "Monsieur Mister Master Uncle Aunt Count Countess Duke Duchess Baron Emperor Pope Bishop Deacon Speaker Herr Frau "
    "Don Dona Señor Señora Minister Secretary Chancellor"
)
_TITLES = frozenset(_SHORT_TITLES) | frozenset(_TITLE_NAMES.split())
_NO_NAME_WORDS = (
    "January February March April May June July August September October November December Monday Tuesday Wednesday "
    "Thursday Friday Saturday Sunday Chapter Section Article Book Part Volume Page Figure Table Contents Appendix "
    "Applause Chap Vol Fig No"
)
_NO_NAMES = frozenset(_NO_NAME_WORDS.split())
_LINKS = "of the|of|de la|de|du|del|della|di|da|van der|van|von|der"

_AFTER_TITLE = "|".join([rf"(?<=\b{title}\.)" for title in _SHORT_TITLES])
_LETTERS = r"\w{1,30}"
_REST = rf"(?:(?<=[A-Z])\.(?=\s)|{_LETTERS}(?:[-'’](?=[{_UPPER}]){_LETTERS}){{0,2}}(?:\.(?:{_AFTER_TITLE}))?)"
_GAP = r"(?: |\r?\n)"
# The look-behind after the first character keeps a name from beginning inside a word, and lets the search skip ahead.
_NAME = re.compile(rf"[{_UPPER}](?<![\w'’].){_REST}(?:{_GAP}(?:(?=[odv])(?:{_LINKS}){_GAP})?[{_UPPER}]{_REST}){{0,5}}")
_ROMAN = re.compile(r"[IVXLCDM]+\.?\Z")
MOST = 4_000  # capitalised runs looked at; 200,000 characters of an ordinary book have fewer
_TOO_MANY = 0.18  # of all words capitalised inside sentences: this language gives capitals to more than names


@dataclass(slots=True)
class _Tally:
    text: str
    common: Callable[[str], bool]  # whether the text has a word in small letters too
    inside: Counter[str] = field(default_factory=Counter)  # stood where no sentence begins
    leading: Counter[str] = field(default_factory=Counter)  # stood where one begins: perhaps no name, or not all of it


def names(text: str, counts: Mapping[str, int], silent: Set[str]) -> list[tuple[str, int]] | None:
    """(name, how often) in order of number, then of place; None where too many words have capitals to tell.

    `counts` are the words of the text in small letters.
    """
    found = [(match[0], match.start()) for match in islice(_NAME.finditer(text), MOST)]
    no_names = _capitalised(silent)
    with_capitals = Counter(" ".join([name for name, _ in found]).replace("-", " ").lower().split())
    if not silent and with_capitals.total() > max(12.0, _TOO_MANY * sum(counts.values())):
        return None
    tally = _Tally(text, lambda word: counts.get(word.lower(), 0) > with_capitals[word.lower()])
    for name, start in found:
        if name not in no_names:
            parts = name.split()
            cut = parts[0] in no_names
            if cut or parts[-1] in no_names:
                parts = _without_silent(parts, no_names)
            if parts:
                _count(tally, parts, start, cut=cut)
    return _joined(tally)


@lru_cache(maxsize=16)
def _capitalised(silent: Set[str]) -> Set[str]:
    return _NO_NAMES | {word.capitalize() for word in silent}


def _without_silent(parts: list[str], no_names: Set[str]) -> list[str]:
    """The words from the first that may begin a name to the last that may end one."""
    first, last = 0, len(parts)
    while first < last and (parts[first] in no_names or parts[first][0].islower()):
        first += 1
    while last > first and (parts[last - 1] in no_names or parts[last - 1][0].islower()):
        last -= 1
    return parts[first:last]


def _count(tally: _Tally, parts: list[str], start: int, *, cut: bool) -> None:
    leads = not cut and _begins(tally.text, start)
    if len(parts) == 1:
        name = parts[0]
        if _may_stand_alone(name):
            (tally.leading if leads or tally.common(name) else tally.inside)[name] += 1
        return
    unsure = leads and parts[0].rstrip(".") not in _TITLES
    if unsure and tally.common(parts[0]):
        parts, unsure = parts[1:], False
    name = " ".join(parts)
    if not (name.isupper() and len(name) > 5):
        (tally.leading if unsure else tally.inside)[name] += 1


def _begins(text: str, start: int) -> bool:
    """Whether a sentence, a line after a blank one, or a speech may begin here."""
    last = text[start - 2 : start - 1]
    if start > 1 and text[start - 1] == " " and (last.isalnum() or last in ",;’'"):
        return False
    before = text[max(0, start - 3) : start]
    bare = before.rstrip(" \r\n")
    return not bare or before.count("\n") > 1 or bare == before or not (bare[-1].isalnum() or bare[-1] in ",;’'")


def _may_stand_alone(name: str) -> bool:
    bare = name.rstrip(".")
    if len(bare) < 2 or bare in _TITLES:
        return False
    return not (name.isupper() and (len(name) > 5 or _ROMAN.match(name)))


def _joined(tally: _Tally) -> list[tuple[str, int]]:
    """What stood inside sentences, with what led one where it is known for a name from elsewhere."""
    known = set(" ".join(tally.inside).split())
    for name, count in tally.leading.items():
        first, _, rest = name.partition(" ")
        if rest:
            tally.inside[name if first in known or rest not in tally.inside else rest] += count
        elif name in known:
            tally.inside[name] += count
    return tally.inside.most_common()
