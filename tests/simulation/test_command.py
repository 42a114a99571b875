"""`piecewise simulate` as a user meets it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.cli.main import main
from tests.simulation.hunt import broken_copy
from tests.simulation.mutations import MUTATIONS, ROOT


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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_plays_on_when_the_command_has_ended(number: signal.Signals) -> None:
    program = "from local.cli.main import main\nif __name__ == '__main__':\n    main(['simulate', '--seeds', '100000'])"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    command = psutil.Process(process.pid)
    while not (playing := command.children(recursive=True)):
        assert process.poll() is None

    process.send_signal(number)

    process.wait(120)
    assert psutil.wait_procs(playing, 120)[1] == []


def test_faults_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--seeds", "1", "--only", "gremlins"])
    assert ended.value.code == 2
    assert "there are: crash," in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_broken_promise_is_shown_with_the_command_that_replays_it(tmp_path: Path) -> None:
    [mutation] = [each for each in MUTATIONS if each.name == "failures are not counted"]
    broken_copy(mutation, tmp_path)
    arguments = ["simulate", "--seeds", "40", "--only", "slow", "--only", "model_permanent"]
    program = f"from local.cli.main import main; main({arguments})"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert re.search("replay: piecewise simulate --seed [0-9]+ --only slow --only model_perm.* --trace", ended.stderr)
    assert "its rows say" in ended.stderr
    assert "Traceback" not in ended.stderr
