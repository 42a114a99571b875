"""Lists that come a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict, TypeVar


class Page(TypedDict):
    """What all pages have: `next_cursor` is None on the last one."""

    next_cursor: str | None


P = TypeVar("P", bound=Page)


def pages(fetch: Callable[[str | None], P], after: str | None = None) -> Iterator[P]:
    """All pages behind the cursor `after`, each fetched when it is wanted."""
    while True:
        page = fetch(after)
        yield page
        if (after := page["next_cursor"]) is None:
            return
