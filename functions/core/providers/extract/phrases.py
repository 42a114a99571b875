"""Key phrases: pairs of weighty words that come back, then single ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from itertools import chain, compress, pairwise

from functions.core.providers.extract.weights import Weights

Found = list[tuple[str, int]]

_LONGEST = 60  # characters; what is longer is no phrase


def key_phrases(words: Sequence[list[str]], lower: str, weights: Weights, named: Set[str], wanted: int) -> Found:
    """(phrase, how often), at most `wanted`, most weight first.

    `lower` is the text with all but its words blanked out; a pair must stand in it at least once with nothing but
    one space, line break or hyphen between. Silent words are in no phrase, and `named` ones are left to the names.
    """
    often = weights.repeated() - named
    pairs = Counter(_neighbours(words, often))
    phrases = {
        " ".join(pair): 3 * count
        for pair, count in pairs.items()
        if count > 1 and pair[0] != pair[1] and min(map(len, pair)) > 2 and " ".join(pair) in lower
    }
    loud = weights.loud
    singles = {word: loud[word] for word in often if len(word) > 3 and loud[word] > 2}
    ranked = sorted(chain(phrases.items(), singles.items()), key=lambda item: (-item[1], item[0]))
    return _without_echoes(ranked, phrases, wanted)


def _neighbours(words: Sequence[list[str]], often: Set[str]) -> list[tuple[str, str]]:
    """Pairs within a sentence of which both are in `often`."""
    flat: list[str] = []
    for sentence in words:
        flat += sentence
        flat.append("")
    places = compress(range(len(flat)), map(often.__contains__, flat))
    return [(flat[at], flat[behind]) for at, behind in pairwise(places) if behind == at + 1]


def repeated_words(weights: Weights, wanted: int) -> Found:
    """The weightiest words that come twice or more, for a language whose function words are not known."""
    often = [(word, weights.loud[word]) for word in weights.repeated() if len(word) <= _LONGEST]
    often.sort(key=lambda item: (-weights.of(item[0]), item[0]))
    return often[:wanted]


def _without_echoes(ranked: Found, phrases: dict[str, int], wanted: int) -> Found:
    chosen: Found = []
    told: set[str] = set()
    for phrase, score in ranked:
        parts = phrase.split()
        if len(phrase) > _LONGEST or told.issuperset(parts) or phrase.removesuffix("s") in told or f"{phrase}s" in told:
            continue
        chosen.append((phrase, score // 3 if phrase in phrases else score))
        told.update(parts)
        if len(chosen) == wanted:
            break
    return chosen
