"""`piecewise simulate` as a user meets it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.cli.main import main
from tests.simulation.hunt import broken_copy
from tests.simulation.mutations import MUTATIONS


def test_it_counts_faults_and_what_came_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--seed", "5"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert "1 history" in told
    assert "no promise broken" in told
    assert "job " in told


def test_it_prints_a_whole_history(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--seed", "5", "--trace"])
    assert "store.claim" in capsys.readouterr().out


def test_a_trace_is_of_one_history(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--trace"])
    assert ended.value.code == 2
    assert "--seed" in capsys.readouterr().err


def test_faults_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--seeds", "1", "--only", "gremlins"])
    assert ended.value.code == 2
    assert "there are: crash," in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_broken_promise_is_shown_with_the_command_that_replays_it(tmp_path: Path) -> None:
    [mutation] = [each for each in MUTATIONS if each.name == "messages are counted, not rows"]
    broken_copy(mutation, tmp_path)
    arguments = ["simulate", "--seeds", "40", "--only", "freeze", "--only", "duplicate"]
    program = f"from local.cli.main import main; main({arguments})"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert re.search("replay: piecewise simulate --seed [0-9]+ --only freeze --only duplicate --trace", ended.stderr)
    assert "its rows say" in ended.stderr
    assert "Traceback" not in ended.stderr
