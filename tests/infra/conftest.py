"""One reading of the source for all tests: it takes a second or two."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.infra.code import ROOT, Code
from tests.infra.world import Broken, World


@pytest.fixture(scope="session")
def code() -> Code:
    """The functions' source."""
    return Code()


@pytest.fixture(scope="session")
def world(code: Code) -> World:
    """The project as it is."""
    return World.at(ROOT, code)


@pytest.fixture
def broken(code: Code, tmp_path: Path) -> Broken:
    """Copies of the templates with pieces of one of them replaced, each of which must be there."""

    def make(file: str, *changes: tuple[str, str]) -> World:
        (tmp_path / "infra").mkdir()
        for path in (ROOT / "template.yaml", *sorted((ROOT / "infra").glob("*.yaml"))):
            shutil.copy(path, tmp_path / path.relative_to(ROOT))
        text = (tmp_path / file).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"{file} has no {old!r} any more: break it elsewhere"
            text = text.replace(old, new)
        (tmp_path / file).write_text(text, encoding="utf-8")
        return World.at(tmp_path, code)

    return make
