"""Which form a client gets."""

from __future__ import annotations

import pytest

from functions.api.accept import chosen
from functions.core.errors import Rejected

OFFERS = ["text/plain", "application/x-ndjson", "application/ndjson"]


@pytest.mark.parametrize(
    ("accept", "offer"),
    [
        (None, "text/plain"),
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/*", "text/plain"),
        ("application/*", "application/x-ndjson"),
        ("application/ndjson", "application/ndjson"),
        ("text/plain;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/plain;q=0.5, application/x-ndjson;q=0.500", "text/plain"),
        ("text/plain;q=0, */*", "application/x-ndjson"),
        ("APPLICATION/X-NDJSON ; Q=1.0", "application/x-ndjson"),
        ("*/*;q=0.1, application/ndjson;q=0.2", "application/ndjson"),
        ("text/plain; charset=utf-8", "text/plain"),
    ],
)
def test_the_best_liked_offer_is_chosen_and_the_first_of_equals(accept: str | None, offer: str) -> None:
    assert chosen(accept, OFFERS) == offer


@pytest.mark.parametrize("accept", ["application/json", "text/html, text/plain;q=0", "*/*;q=0", "text", "plain/*"])
def test_where_none_is_taken_the_refusal_names_them(accept: str) -> None:
    with pytest.raises(Rejected, match=r"text/plain or application/x-ndjson or application/ndjson") as refused:
        chosen(accept, OFFERS)
    assert refused.value.status == 406
