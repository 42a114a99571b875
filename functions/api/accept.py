"""Which form of an answer a client takes (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from functions.core.errors import Rejected

JSON = "application/json"
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def chosen(accept: str | None, offers: Sequence[str]) -> str:
    """The offer that an Accept header likes best, the first of equals; no header takes anything.

    For each offer the most specific range counts. Raises Rejected (406) when it takes none.
    """
    ranges = _ranges(accept)
    weights = [_weight(ranges, offer) for offer in offers]
    best = max(weights)
    if not best:
        raise not_acceptable(offers)
    return offers[weights.index(best)]


def not_acceptable(offers: Sequence[str]) -> Rejected:
    """None of these."""
    return Rejected(
        406,
        "not-acceptable",
        f"The answer is {' or '.join(dict.fromkeys(offers))}; accept {'that' if len(offers) == 1 else 'one of them'}, "
        "or leave Accept out.",
    )


def _ranges(accept: str | None) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for part in (accept or "*/*").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights = [float(found[1]) for parameter in parameters if (found := _WEIGHT.fullmatch(parameter))]
        ranges[name] = weights[0] if weights else 1.0
    return ranges


def _weight(ranges: dict[str, float], offer: str) -> float:
    kind = offer.partition("/")[0]
    return next((ranges[name] for name in (offer, f"{kind}/*", "*/*") if name in ranges), 0.0)
