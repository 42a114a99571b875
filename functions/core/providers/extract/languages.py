"""Function words: they tell a language, and they carry no weight in one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

ENGLISH, GERMAN = "English", "German"

# About forty each, so that no language wins by the length of its list.
FUNCTION_WORDS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        ENGLISH: (
            "the of and to in that it is was he for with his as on be at by this had not are but from or have an they "
            "which were her she you their all been has would there we him who when will"
        ),
        GERMAN: (
            "der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an er so dass "
            "aus bei nach wie einer oder hat wird sie ich war wenn zum zur einem einen jeder"
        ),
        "French": (
            "de la le et les des en un une du que dans est qui pour pas au sur par il plus ne ce se sa son avec ou "
            "elle ses aux cette mais comme nous sont tout toute été leur"
        ),
        "Spanish": (
            "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha este "
            "sí porque esta entre cuando muy sin sobre también toda tiene"
        ),
        "Italian": (
            "di che e la il un a per in una è non sono le si con del della i da gli alla dei come più lo ma al nel ha "
            "delle anche o ogni suo sua questo nella essere"
        ),
        "Portuguese": (
            "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu "
            "sua ou ser quando muito há nos já está todo pela"
        ),
        "Dutch": (
            "de van het een en in is dat op te zijn met voor niet aan er om ook als dan maar bij hij ze uit wordt door "
            "naar heeft hun worden nog wel deze die tot heb ieder over"
        ),
        "Russian": (
            "и в не на с что он по как из это к но у за от его все я был для же так или ее они мы при быть которые "
            "того есть до ни если без также каждый его право имеет"
        ),
    }.items()
}

_MORE_ENGLISH = (
    "a i me my mine myself your yours himself herself itself themselves ourselves its our ours hers them those these "
    "what whom whose why how where then than so if no nor do does did done doing don didn doesn won wouldn couldn "
    "shouldn isn wasn aren weren haven hasn hadn can cannot could should shall may might must ought am being having "
    "because while until till though although yet also too very just only even still again ever never now here once "
    "more most much many such own same other others another any some each every both either neither few less least "
    "about above across after against along among around before behind below beneath beside between beyond down "
    "during except into near off onto out over since through throughout toward towards under up upon within without "
    "whether however therefore thus hence else like unlike rather quite almost always often sometimes perhaps indeed "
    "well yes one two three four five six seven eight nine ten first second third said says say saying went go goes "
    "going gone come comes came coming get gets got make makes made making take takes took taken see sees saw seen "
    "seem seems seemed know knows knew known think thought thing things something nothing anything everything someone "
    "anyone everyone way ways lay let put give gives gave given yet last next old new little good great long us re ve "
    "ll d s t m st nd th thou thee thy thine ye hath doth unto back away together round nigh ere mr mrs dr sir"
)
_MORE: Mapping[str, frozenset[str]] = {
    ENGLISH: frozenset(_MORE_ENGLISH.split()),
}


@lru_cache(maxsize=16)
def silent_words(language: str | None) -> frozenset[str]:
    """The words of a language that carry no weight; empty for one that is not known here."""
    if language is None:
        return frozenset()
    return FUNCTION_WORDS[language] | _MORE.get(language, frozenset())


def language_of(counts: Mapping[str, int], words: int) -> str | None:
    """The language with most function words among `words` counted words, None below a sixth of them or three kinds."""
    best, hits = None, max(2, words // 6)
    for language, known in FUNCTION_WORDS.items():
        met = counts.keys() & known
        found = sum(map(counts.__getitem__, met))
        if found > hits and len(met) > 2:
            best, hits = language, found
    return best
