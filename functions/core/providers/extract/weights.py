"""Which sentences carry most of the weight."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import compress, islice
from operator import add

Words = list[str]

_ALIKE = 0.5  # of the shorter sentence's weighty words in common: the second says the same again


def words_of(lower: str, start: int, end: int, *, spaced: bool, dense: bool) -> Words:
    """The words of a span; pairs of neighbouring characters where a script sets no words apart.

    `dense` pairs overlap; of a long text every other pair tells enough.
    """
    words = lower[start:end].split()
    if spaced:
        return words
    run = "".join(words)
    return list(map(add, run, run[1:])) if dense else list(map(add, run[::2], run[1::2]))


class Weights:
    """What each word of a text weighs: a whole number (sums must not depend on the order of a set), 0 for a silent one.

    tf x idf squared, one idf for the word and one for the text's own vector that a sentence is held against. A word's
    count stands in for the sentences it is in: within a chunk the two hardly differ. So weight rises with the
    count, and falls again for what is everywhere.
    """

    def __init__(self, counts: Counter[str], sentences: int, silent: Set[str], *, shortest: int) -> None:
        self.loud = dict(counts)
        self.loud.update(dict.fromkeys(counts.keys() & silent, 0))
        if not silent:
            self.loud.update(dict.fromkeys([word for word in counts if len(word) < shortest], 0))
        self._scale = {count: _weight(count, sentences) for count in set(self.loud.values())}

    def of(self, word: str) -> int:
        """The weight of a word of the text."""
        return self._scale[self.loud[word]]

    def total(self, words: Iterable[str]) -> int:
        """The weight of words together."""
        return sum(map(self._scale.__getitem__, map(self.loud.__getitem__, words)))

    def repeated(self) -> set[str]:
        """The words that come twice or more and are not silent."""
        return set(compress(self.loud, map((1).__lt__, self.loud.values())))


def _weight(count: int, sentences: int) -> int:
    return int(100 * count * math.log2(max(2.0, 1 + sentences / count)) ** 2) if count else 0


def ranking(words: Sequence[Words], weights: Weights) -> list[tuple[float, int]]:
    """(score, index) of every sentence that has weight, best first; ties go to the earlier one."""
    scored = [(weights.total(sentence) / _size(sentence), -index) for index, sentence in enumerate(words)]
    scored.sort(reverse=True)
    return [(score, -index) for score, index in scored if score > 0]


def _size(sentence: Words) -> int:
    # Dividing keeps long sentences from winning by length alone, the constant short ones by shortness alone.
    return len(sentence) + 12


def _different(ranked: Sequence[tuple[float, int]], words: Sequence[Words]) -> Iterator[int]:
    """The indexes in order, without those of sentences that are word for word an earlier one."""
    seen: set[tuple[str, ...]] = set()
    for _, index in ranked:
        key = tuple(words[index])
        if key not in seen:
            seen.add(key)
            yield index


def choose(
    ranked: Sequence[tuple[float, int]],
    words: Sequence[Words],
    weights: Weights,
    judge: Callable[[int], float],
    wanted: int,
) -> list[int]:
    """Indexes of at most `wanted` sentences in document order, none of which says nearly what another does.

    `judge` gives a factor from 0 (never quote it) to 1 for a sentence. Only the likely ones are judged, and held
    to what they say without repeating themselves.
    """
    likely = []
    for index in islice(_different(ranked, words), 2 * wanted + 2):
        said = set(filter(weights.loud.__getitem__, words[index]))
        likely.append((judge(index) * (1 + weights.total(said)) / _size(words[index]), -index, said))
    likely.sort(key=lambda entry: entry[:2], reverse=True)
    chosen: list[tuple[int, Set[str]]] = []
    for score, minus, said in likely:
        if score > 0 and not any(len(said & other) > _ALIKE * min(len(said), len(other)) for _, other in chosen):
            chosen.append((-minus, said))
        if len(chosen) == wanted:
            break
    return sorted(index for index, _ in chosen)
