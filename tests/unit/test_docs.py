"""The contract as a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from functions.api import docs
from functions.api.app import create_app
from tests.fakes.api_world import World

CONTRACT = create_app(World().parts()).openapi()
PAGE = docs.page(CONTRACT)


class Tags(HTMLParser):
    """The tags of a page, and what they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links |= {value for name, value in attrs if name in {"href", "src"}}


def test_every_route_and_every_field_is_on_the_page() -> None:
    names = list(CONTRACT["paths"])
    names += [field for schema in CONTRACT["components"]["schemas"].values() for field in schema.get("properties", {})]
    assert [name for name in names if name not in PAGE] == []


def test_the_page_needs_no_network_and_runs_no_script() -> None:
    tags = Tags()
    tags.feed(PAGE)
    assert "script" not in tags.names
    assert tags.links == {"openapi.json"}


@pytest.mark.parametrize("place", ["title", "description"])
def test_words_of_the_contract_are_text_and_never_markup(place: str) -> None:
    hostile: dict[str, Any] = {**CONTRACT, "info": {**CONTRACT["info"], place: "<script>"}}
    assert "<script>" not in docs.page(hostile)
    assert "&lt;script&gt;" in docs.page(hostile)
