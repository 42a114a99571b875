"""The supervisor with real, tiny processes in place of the roles."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from local.stack.child import Facts, Spec
from local.stack.supervisor import StackError, Supervisor

# Says its fact when told to go (or at once), then writes every further order to stderr, until its stdin ends.
_CHILD = """
import json, os, sys
fact, waits = sys.argv[1], sys.argv[2] == "True"
order = json.loads(sys.stdin.readline()) if waits else None
print(json.dumps({"event": fact, "order": order}), flush=True)
print(json.dumps({"event": "ready"}), flush=True)
for line in sys.stdin:
    print(line, end="", file=sys.stderr, flush=True)
"""


class Said:
    """What the user would have been told; can be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._new = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._new:
            self.lines.append(line)
            self._new.notify_all()

    def wait_for(self, count: int) -> None:
        with self._new:
            assert self._new.wait_for(lambda: len(self.lines) >= count, 60)


def child(name: str, *needs: str) -> Spec:
    return script(name, _CHILD, name, str(bool(needs)), needs=frozenset(needs))


def script(name: str, code: str, *arguments: str, needs: frozenset[str] = frozenset()) -> Spec:
    return Spec(name, lambda _: [sys.executable, "-c", code, *arguments], needs)


@contextmanager
def supervised(tmp_path: Path, specs: Sequence[Spec], said: Said | None = None) -> Iterator[Supervisor]:
    supervisor = Supervisor(specs, env=dict(os.environ), log=lambda name: tmp_path / f"{name}.log", say=said or Said())
    try:
        yield supervisor
    finally:
        supervisor.stop([[spec.name for spec in specs]], grace=0)


def until(condition: object, seconds: float = 60) -> None:
    """Wait until `condition()` holds; for what has no event to wait for."""
    tick = threading.Event()
    for _ in range(int(seconds * 50)):
        if condition():  # type: ignore[operator]
            return
        tick.wait(0.02)
    pytest.fail("did not happen in time")


def test_each_begins_when_what_it_needs_is_there_and_gets_the_facts(tmp_path: Path) -> None:
    specs = [child("moto"), child("control", "moto"), child("worker", "moto", "control")]
    with supervised(tmp_path, specs) as supervisor:
        supervisor.start(60)
        assert supervisor.pids().keys() == {"moto", "control", "worker"}
        assert supervisor.ready() == supervisor.pids()
        assert supervisor.fact("control")["event"] == "control"


def test_a_child_that_fails_to_start_ends_the_start_with_its_words(tmp_path: Path) -> None:
    fails = script("worker", "import json, sys; print(json.dumps({'failed': 'PIECEWISE_LEASE is odd'})); sys.exit(1)")
    with (
        supervised(tmp_path, [child("moto"), fails]) as supervisor,
        pytest.raises(StackError, match=r"^PIECEWISE_LEASE is odd$"),
    ):
        supervisor.start(60)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no such port')", "worker ended with status 1: no such port"),
        ("import sys; sys.exit('{\"message\": \"no bucket\"}')", "worker ended with status 1: no bucket"),
        ("import os; os.kill(os.getpid(), 9)", "worker was ended by SIGKILL"),
    ],
)  # fmt: skip
def test_a_child_that_dies_at_start_is_told_with_its_last_line(tmp_path: Path, code: str, words: str) -> None:
    specs = [child("moto"), script("worker", code)]
    with supervised(tmp_path, specs) as supervisor, pytest.raises(StackError) as error:
        supervisor.start(60)
    assert str(error.value) == words


def test_a_child_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    words = f"^not ready in time: worker \\(the logs are in {tmp_path}\\)$"
    specs = [script("worker", "input()")]
    with supervised(tmp_path, specs) as supervisor, pytest.raises(StackError, match=words):
        supervisor.start(0.2)


def test_a_child_that_dies_is_started_again_and_told_to_go(tmp_path: Path) -> None:
    said = Said()
    with supervised(tmp_path, [child("moto"), child("worker", "moto")], said) as supervisor:
        supervisor.start(60)
        before = supervisor.pids()["worker"]
        os.kill(before, signal.SIGKILL)
        said.wait_for(1)
        assert said.lines == ["worker was ended by SIGKILL; starting it again"]
        until(lambda: supervisor.pids().get("worker", before) != before)


def test_a_new_moto_is_told_to_those_who_need_it_and_keeps_its_port(tmp_path: Path) -> None:
    ports: list[object] = []

    def moto(facts: Facts) -> list[str]:
        ports.append(facts.get("moto", {}).get("port"))
        code = "print('{\"port\": 4711}', flush=True); input()"
        return [sys.executable, "-c", code]

    with supervised(tmp_path, [Spec("moto", moto), child("control", "moto")]) as supervisor:
        supervisor.start(60)
        os.kill(supervisor.pids()["moto"], signal.SIGKILL)
        until(lambda: b'"do": "go", "first": false' in (tmp_path / "control.log").read_bytes())
    assert ports == [None, 4711]


def test_stopping_asks_first_and_kills_what_does_not_listen(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True); input()"
    with supervised(tmp_path, [script("deaf", deaf), child("moto")]) as supervisor:
        supervisor.start(60)
        processes = [psutil.Process(pid) for pid in supervisor.pids().values()]
        supervisor.stop([["deaf"], ["moto"]], grace=0.2)
        assert not any(process.is_running() for process in processes)


def test_children_end_when_their_parent_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from local.stack.child import Spec;"
        "from local.stack.supervisor import Supervisor;"
        "waits = 'import sys; print(\"{}\", flush=True); sys.stdin.read()';"
        "spec = Spec('child', lambda _: [sys.executable, '-c', waits]);"
        "s = Supervisor([spec], env=dict(os.environ), log=lambda name: Path(sys.argv[1]), say=print);"
        "s.start(60); print(s.pids()['child'], flush=True); os.kill(os.getpid(), 9)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
