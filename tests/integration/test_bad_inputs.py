"""Bad input gets one clear problem, and leaves nothing behind: several hundred requests, each with its answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.stage import Stage
from tests.integration.refusals import bodies, paths, uploads
from tests.integration.refusals.rows import Bad
from tests.integration.refusals.scene import Scene

ROWS = [*bodies.ROWS, *uploads.ROWS, *paths.ROWS]
PYDANTICS = ("Value error", "Input should", "String should", "Field required", "or equal to")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all, for none of the requests may change it."""
    where: Path = tmp_path_factory.mktemp("scene")
    stage = Stage.on(f"sqlite:///{where / 'piecewise.db'}")
    yield Scene.on(stage)
    stage.close()


def test_there_are_hundreds_of_them_and_none_twice() -> None:
    assert len(ROWS) >= 200
    sent = [(row.method, row.path, row.query, row.body, str(row.headers), str(row.settings), row.says) for row in ROWS]
    assert len(set(sent)) == len(sent)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_bad_input_is_refused_with_its_problem_and_leaves_nothing(scene: Scene, row: Bad) -> None:
    before = scene.traces()
    status, headers, problem = scene.ask(row)
    assert (status, problem["type"].removeprefix("urn:piecewise:problem:")) == (row.status, row.slug), problem
    assert (headers["content-type"], problem["status"]) == ("application/problem+json", row.status)
    assert problem.keys() <= {"type", "title", "status", "detail", "instance", "errors"}
    said = problem["detail"] + "".join(error["message"] for error in problem.get("errors", ()))
    assert row.says in said
    assert not [words for words in PYDANTICS if words in said]
    if row.blames is not None:
        assert row.blames in [error["field"] for error in problem["errors"]]
    assert len(json.dumps(problem)) < 8_000  # what was sent is not sent back
    assert scene.traces() == before
