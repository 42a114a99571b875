"""What has sentences: its weightiest ones, key phrases, names, figures, dates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain

from functions.core.providers.extract import figures, names, phrases, quotes, weights
from functions.core.providers.extract.kinds import Kind
from functions.core.providers.extract.languages import GERMAN, language_of, silent_words
from functions.core.providers.extract.layout import head, listed, quote_limit, titled
from functions.core.providers.extract.letters import Letters
from functions.core.providers.extract.scripts import Writing
from functions.core.providers.extract.sentences import Span, sentences

_QUOTES = ((600, 1), (2_500, 2), (8_000, 3), (20_000, 4), (60_000, 6))  # how many for a text shorter than so much
_MOST_QUOTES = 8
_WRAPPED_WITHIN = 160  # characters; text with longer lines is not wrapped by hand


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A text taken apart."""

    text: str
    letters: Letters
    writing: Writing
    spans: list[Span]
    words: list[list[str]]
    counts: Counter[str]
    language: str | None

    @property
    def total(self) -> int:
        return sum(map(len, self.words))


def _parse(text: str, letters: Letters, writing: Writing, kind: Kind) -> _Parsed:
    by_line = kind is Kind.LINES or not writing.spaced or _has_long_lines(text)
    spans = sentences(text, by_line=by_line, shortest=12 if writing.spaced else 5)
    words = [
        weights.words_of(letters.lower, start, end, spaced=writing.spaced, dense=len(text) < 20_000)
        for start, end in spans
    ]
    counts = Counter(chain.from_iterable(words))
    language = language_of(counts, sum(map(len, words))) if writing.spaced else None
    return _Parsed(text, letters, writing, spans, words, counts, language)


def _has_long_lines(text: str) -> bool:
    """Whether some line in the first few thousand characters is longer than anybody wraps by hand."""
    return max(map(len, text[:8_000].split("\n"))) > _WRAPPED_WITHIN


def reading(text: str, char_start: int, letters: Letters, writing: Writing, kind: Kind) -> list[str]:
    """The lines about a text with sentences."""
    parsed = _parse(text, letters, writing, kind)
    silent = silent_words(parsed.language)
    weighed = weights.Weights(parsed.counts, len(parsed.spans), silent, shortest=_shortest_word(parsed))
    chosen = _chosen(parsed, weighed)
    items = 4 if len(text) < 1_500 else 6 if len(text) < 20_000 else 10
    return [
        head(text, char_start, _kind_line(parsed, kind)),
        *_quote_lines(parsed, chosen, char_start),
        *_findings(parsed, weighed, items),
    ]


def _shortest_word(parsed: _Parsed) -> int:
    """Letters below which a word carries no weight: where function words are not known, they are at least short."""
    if not parsed.writing.spaced or parsed.language is not None:
        return 2
    return 4 if parsed.writing.has_capitals else 3 if parsed.writing.script in ("Arabic", "Hebrew") else 2


def _kind_line(parsed: _Parsed, kind: Kind) -> str:
    if parsed.language:
        what = f"{parsed.language} {kind}" if kind is Kind.PROSE else f"{parsed.language}, {kind}"
    else:
        what = f"{parsed.writing.label}, {kind}"
        if parsed.writing.has_capitals:
            what = f"language not recognised, {what}"
    part = "sentence" if parsed.writing.has_marks else "stretch between spaces"
    count = f"{len(parsed.spans):,} {part}{'' if len(parsed.spans) == 1 else 's'}"
    if parsed.writing.spaced:
        return f"{what}; {count}, {parsed.total:,} words"
    return f"{what}; {count}; words and names are not told apart in this script"


def _chosen(parsed: _Parsed, weighed: weights.Weights) -> list[int]:
    wanted = next((number for length, number in _QUOTES if len(parsed.text) < length), _MOST_QUOTES)
    ranked = weights.ranking(parsed.words, weighed) or [(1.0, index) for index in range(min(wanted, len(parsed.spans)))]

    def judge(index: int) -> float:
        start, end = parsed.spans[index]
        return quotes.worth(parsed.text[start:end], whole=_is_whole(parsed, index))

    return weights.choose(ranked, parsed.words, weighed, judge, wanted)


def _is_whole(parsed: _Parsed, index: int) -> bool:
    """Whether a span begins as a sentence does; the first and the last of a chunk may be cut, any long one parted."""
    start, end = parsed.spans[index]
    part = parsed.text[start:end].strip()
    return not (part[:1].islower() or (index == len(parsed.spans) - 1 and part[-1:].isalnum()))


def _quote_lines(parsed: _Parsed, chosen: list[int], char_start: int) -> list[str]:
    limit = quote_limit(len(parsed.text), parsed.writing)
    found = []
    for index in chosen:
        start, end = parsed.spans[index]
        before = parsed.text[start:end].lstrip()[:1].islower()
        found.append(quotes.quote_of(parsed.text, start, end, limit, broken_before=before))
    return titled("Weightiest sentences", parsed.text, char_start, found)


def _findings(parsed: _Parsed, weighed: weights.Weights, items: int) -> list[str]:
    silent = silent_words(parsed.language)
    lines = []
    named: list[tuple[str, int]] = []
    if parsed.writing.has_capitals and parsed.language != GERMAN:
        named = names.names(parsed.text, parsed.counts, silent) or []
    known = set(" ".join([name for name, _ in named]).lower().split())
    if parsed.language:
        found = phrases.key_phrases(parsed.words, parsed.letters.lower, weighed, known, items)
        lines.append(listed("Key phrases", found, items))
    elif parsed.writing.spaced:
        lines.append(listed("Repeated words", phrases.repeated_words(weighed, items), items))
    lines.append(listed("Names", named, items))
    numbers = figures.figures(parsed.text, parsed.letters, parsed.language, silent)
    lines.append(listed("Figures", numbers.figures.most_common(), items))
    lines.append(listed("Dates", numbers.dates.most_common(), items))
    return [line for line in lines if line]
