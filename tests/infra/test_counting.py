"""One document through the real rooms, counted: what `piecewise costs` multiplies, and what the roles must allow."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.costs.measured import MEASURED, ROOMS, Measured, load_measured
from tests.infra.code import ROOT
from tests.infra.needs import action_of
from tests.infra.world import World

pytestmark = pytest.mark.timeout(600)  # whichever test is the first waits for all rooms

FUNCTIONS = {"poll": "api", "passes": "reconciler"}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """What the command prints now, in the place of what the file has."""
    command = [sys.executable, "-m", "local.costs.counting"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2_000:]
    kept = MEASURED.read_text(encoding="utf-8").partition("\n[document]\n")[0] + "\n"
    path: Path = tmp_path_factory.mktemp("counted") / "measured.toml"
    path.write_text(kept + ran.stdout, encoding="utf-8")
    assert tomllib.loads(ran.stdout).keys() == {"document", *ROOMS}
    return load_measured(path)


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_room_was_seen_to_call_is_what_its_code_was_read_to_need(
    world: World, counted: Measured, name: str
) -> None:
    room = FUNCTIONS.get(name, name)
    needed = {need.action for need in world.needs.of(room)}
    services = {"s3": ("Object", "Upload", "Part"), "sqs": ("Message", "Queue")}
    for call in counted.rooms[name].calls:
        (service,) = (each for each, words in services.items() if any(word in call for word in words))
        assert action_of(service, call) in needed


def test_what_the_costs_are_computed_from_is_still_so(counted: Measured) -> None:
    kept = load_measured()
    assert (counted.chunks, counted.bytes) == (kept.chunks, kept.bytes)
    for name in ROOMS:
        now, then = counted.rooms[name], kept.rooms[name]
        assert now.calls.keys() == then.calls.keys(), f"{name}: run `python -m local.costs.counting` again"
        for what in ("invocations", "statements", "commits"):  # which chunks are written together is a matter of time
            assert getattr(then, what) / 2 <= getattr(now, what) <= 2 * getattr(then, what), f"{name}: {what}"
