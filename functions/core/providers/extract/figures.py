"""Figures (numbers with what they count) and dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import chain, islice

from functions.core.providers.extract.languages import ENGLISH, GERMAN
from functions.core.providers.extract.letters import Letters
from functions.core.providers.extract.quotes import one_space

_MONTH_NAMES = (
    "January February March April May June July August September October November December Jan Feb Mar Apr Jun Jul "
    "Aug Sept Sep Oct Nov Dec Januar Februar März Mai Juni Juli Oktober Dezember janvier février mars avril mai juin "
    "juillet août septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre "
    "octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre janeiro "
    "fevereiro março maio junho julho setembro outubro novembro dezembro januari februari maart mei juni juli "
    "augustus oktober января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
_MONTHS = _MONTH_NAMES.split()
_MONTH = f"(?:{'|'.join(sorted(set(_MONTHS), key=lambda month: (-len(month), month)))})" + r"\b\.?"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th|er|º|ª|\.)?"
_YEAR = r"[12]\d{3}"
_S = r"\s{1,3}"
_BEFORE_YEARS = (
    "in since by from until till to of year before after about circa around during early late anno im seit en año ano "
    "année depuis"
)
_YEAR_AFTER = _BEFORE_YEARS.split()

_DATE = (
    r"(?:"
    rf"{_YEAR}(?P<dash>[-./])(?:1[0-2]|0?[1-9])(?P=dash)(?:[12]\d|3[01]|0?[1-9])"
    rf"|[0-3]?\d(?P<mark>[./-])[0-3]?\d(?P=mark){_YEAR}"
    rf"|{_MONTH}{_S}{_DAY}(?:,?{_S}{_YEAR})?"
    rf"|{_DAY}{_S}(?:of{_S}|de{_S})?{_MONTH}(?:,?{_S}(?:de{_S})?{_YEAR})?"
    rf"|{_MONTH},?{_S}(?:of{_S}|de{_S})?{_YEAR}"
    rf"|(?:A\.D\.|AD|B\.C\.){_S}\d{{1,4}}|\d{{1,4}}{_S}(?:A\.D\.|B\.C\.|AD|BCE|BC|CE)"
    r"|[12]\d{2}0s"
    rf"|(?P<year>(?:1[5-9]|20)\d\d))(?!\w)(?!\.\d)"
    r"|[12]\d{3}\s?(?:年(?:\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?日)?)?|년(?:\s?\d{1,2}월(?:\s?\d{1,2}일)?)?)"
)

_CURRENCY = "[$€£¥₹₽₩₪]"
_SCALE = "(?:hundred|thousand|million|billion|trillion|dozen|bn)"
_NUMBER = r"(?:\d{1,3}(?:[,.'’\u00a0\u202f]\d{3}){1,6}(?:[.,]\d{1,6})?|\d{1,18}(?:[.,]\d{1,6})?)(?!\d|[.,:/]\d)"
_FIGURE = (
    rf"(?P<money>(?:US)?{_CURRENCY}\s?)?(?P<number>{_NUMBER})(?:"
    rf"(?P<sign>\s?(?:%|‰|°[CF]?|{_CURRENCY}))"
    rf"|(?P<scale>[\s-]{_SCALE}s?(?:{_S}(?:of{_S})?[^\W\d_]{{2,20}})?)(?!\w)"
    r"|(?:\s{1,2}|-)(?P<unit>per cent|[^\W\d_]{1,20})(?!\w)"
    r"|(?!\w))"
)
# Most positions are inside a word and fail at the look-behind; scripts that set no words apart put digits there too.
_EITHER = re.compile(
    rf"(?:(?<![\w.,:/-])|(?<=[\u3040-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]))(?:(?P<date>{_DATE})|{_FIGURE})"
)
_FIGURE_HERE = re.compile(_FIGURE)
_DIGIT = re.compile(r"\d")
_UNIT_NAMES = (
    "km m cm mm kg g mg t l ml kW kWh MW GW Hz kHz MHz GHz GB MB KB TB kB ms °C mph lb lbs oz ft USD EUR "
    "GBP dollars euros pounds percent Prozent Uhr"
)
_UNITS = frozenset(_UNIT_NAMES.split())

MOST = 2_000  # figures and dates looked at
_REACH = 24  # characters before a digit that can belong to its date or figure
_GAP = 2 * _REACH  # and after it
_DIGITS = bytes(0x30 if 0x30 <= code <= 0x39 else 0x20 for code in range(256))


@dataclass(frozen=True, slots=True)
class Figures:
    """How often each figure and date was found, in order of first place."""

    figures: Counter[str] = field(default_factory=Counter)
    dates: Counter[str] = field(default_factory=Counter)


def figures(text: str, letters: Letters, language: str | None, silent: Set[str]) -> Figures:
    """Find them around the digits."""
    found = Figures()
    zones = _zones(_digits(letters.data) if letters.plain else [match.start() for match in _DIGIT.finditer(text)])
    matches = chain.from_iterable(_EITHER.finditer(text, start, end) for start, end in zones)
    for match in islice(matches, MOST):
        if match["date"] and (not match["year"] or _is_year(text, match, language)):
            found.dates[one_space(match[0])] += 1
            continue
        figure = match if not match["date"] else _FIGURE_HERE.match(text, match.start())
        said = _said(figure, silent, language) if figure else None
        if said:
            found.figures[one_space(said)] += 1
    return found


def _digits(text: bytes) -> Iterator[int]:
    """Where ASCII digits stand: where there are few, far faster than a pattern."""
    data = text.translate(_DIGITS)
    at = data.find(b"0")
    while at >= 0:
        yield at
        at = data.find(b"0", at + 1)


def _zones(digits: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Stretches around digits, in order and apart from each other; an end may lie behind the text's."""
    start, end = 0, -1
    for at in digits:
        if at > end:
            if end >= 0:
                yield start, end
            start = max(end, 0, at - _REACH)
        end = at + _GAP
    if end >= 0:
        yield start, end


def _is_year(text: str, match: re.Match[str], language: str | None) -> bool:
    """Whether four digits that could be a year are used as one; only English is read so closely."""
    if language != ENGLISH or text[match.end() : match.end() + 1] in set(",.;:)]"):
        return True
    before = text[max(0, match.start() - 12) : match.start()].lower().split()
    return bool(before) and before[-1].lstrip("(") in _YEAR_AFTER


def _said(figure: re.Match[str], silent: Set[str], language: str | None) -> str | None:
    """The figure as it is shown: with its unit when it has one, None for a small bare number."""
    if figure["scale"]:
        return _without_last(figure[0], silent)
    if figure["money"] or figure["sign"]:
        return figure[0] if not figure["unit"] else figure[0][: figure.end("number") - figure.start()]
    number, unit = figure["number"], figure["unit"]
    if unit and (unit in _UNITS or _is_counted(unit, silent, language)):
        return figure[0]
    return number if len(number) > 3 else None


def _is_counted(word: str, silent: Set[str], language: str | None) -> bool:
    """Whether a word behind a number is what it counts; where function words are not known, it may be anything."""
    if not silent or word.lower() in silent:
        return False
    return word.islower() or (language == GERMAN and len(word) > 1)


def _without_last(figure: str, silent: Set[str]) -> str:
    """`5 million` of "5 million from": function words behind a figure are not what it counts."""
    parts = figure.split()
    while len(parts) > 1 and parts[-1].lower() in silent:
        parts.pop()
    return " ".join(parts)
