"""Functions in processes of their own, under AWS's runtime client: everything here is a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from local.invoke import InvocationFailed
from local.isolated import Declared, IsolatedFunction, Plan, environment
from tests.fixtures.running import until

_ROOMS = """
import os, pathlib, sys, time

def echo(event, context):
    return {
        "event": event, "pid": os.getpid(), "environment": dict(os.environ),
        "left": context.get_remaining_time_in_millis(), "id": context.aws_request_id,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
    }

def meet(event, context):
    mine = pathlib.Path(event["where"]) / str(os.getpid())
    mine.touch()
    while len(list(mine.parent.iterdir())) < event["of"]:
        time.sleep(0.01)
    return os.getpid()

def fail(event, context):
    match event:
        case "raise": raise ValueError("first\\nsecond")
        case "exit": sys.exit(3)
        case "die": os.kill(os.getpid(), 9)
        case "set": return {1, 2}
        case "large": return "x" * 6_300_000
        case "sleep": time.sleep(600)
    return os.getpid()
"""

_MOST = "payload size (6291556 bytes)"

Make = Callable[..., IsolatedFunction]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes functions of the rooms above."""
    root = tmp_path / "task"
    root.mkdir()
    (root / "rooms.py").write_text(_ROOMS)
    (root / "broken.py").write_text("import nothing_of_that_name")
    (root / "wrong.py").write_text("raise RuntimeError('the setting is wrong')")
    (root / "gone.py").write_text("import sys; sys.exit(7)")
    made: list[IsolatedFunction] = []

    def one(handler: str, *, most: int = 1, idle: float = 600.0) -> IsolatedFunction:
        declared = Declared("room", 512, frozenset({"COLOUR"}), {"COLOUR": "red"}, frozenset({"PIECEWISE_ANOTHERS"}))
        stack = {**os.environ, "PIECEWISE_ANOTHERS": "1", "PIECEWISE_USERS": "2", "AWS_REGION": "eu-west-1"}
        made.append(
            IsolatedFunction(
                Plan(
                    name="room", handler=handler, timeout=60.0, memory=512, most=most, idle=idle, task_root=root,
                    region="eu-west-1", env=lambda: environment(declared, stack, root),
                )
            )
        )  # fmt: skip
        return made[-1]

    yield one
    for each in made:
        for pid in each.pids():
            psutil.Process(pid).kill()


def test_an_event_and_its_context_arrive_as_aws_delivers_them(make: Make) -> None:
    seen = make("rooms.echo").invoke({"text": "Ünï\U0001f433", "number": 1.5, "none": None})
    assert seen["event"] == {"text": "Ünï\U0001f433", "number": 1.5, "none": None}
    assert (seen["arn"], seen["memory"]) == ("arn:aws:lambda:eu-west-1:000000000000:function:room", "512")
    assert 0 < seen["left"] <= 60_000
    assert seen["id"]


def test_the_process_sees_the_templates_variables_and_lambdas_and_of_the_users_the_settings(make: Make) -> None:
    seen = make("rooms.echo").invoke({})["environment"]
    assert seen["COLOUR"] == "red"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "room"
    assert seen["_HANDLER"] == "rooms.echo"
    assert seen["PIECEWISE_USERS"] == "2"
    assert not {"PIECEWISE_ANOTHERS", "HOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"} & seen.keys()


def test_a_trace_goes_on_and_every_invocation_has_an_id_of_its_own(make: Make) -> None:
    function = make("rooms.echo")
    first = function.invoke({"headers": {"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"}})
    second = function.invoke({})
    assert first["environment"]["_X_AMZN_TRACE_ID"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=")
    assert second["environment"]["_X_AMZN_TRACE_ID"] != first["environment"]["_X_AMZN_TRACE_ID"]
    assert second["id"] != first["id"]


def test_a_warm_process_is_used_again_and_frozen_in_between(make: Make) -> None:
    function = make("rooms.echo", most=4)
    pids = {function.invoke_json({})["pid"] for _ in range(5)}
    assert list(pids) == function.pids()
    until(lambda: psutil.Process(function.pids()[0]).status() == psutil.STATUS_STOPPED)


def test_invocations_at_once_run_in_processes_of_their_own(make: Make, tmp_path: Path) -> None:
    function, where = make("rooms.meet", most=3), tmp_path / "meeting"
    where.mkdir()
    with ThreadPoolExecutor(3) as callers:
        pids = set(callers.map(function.invoke, [{"where": str(where), "of": 3}] * 3))
    assert pids == set(function.pids())
    assert len(pids) == 3


def test_an_invocation_beyond_the_most_waits_for_a_free_process(make: Make) -> None:
    function = make("rooms.fail", most=2)
    with ThreadPoolExecutor(8) as callers:
        pids = set(callers.map(function.invoke, [""] * 16))
    assert len(pids) <= 2


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("raise", "ValueError: first second"),
        ("exit", "Runtime.ExitError: Runtime exited with error: exit status 3"),
        ("die", "Runtime.ExitError: Runtime exited with error: signal: killed"),
        ("set", "Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable"),
        (
            "large",
            f"Function.ResponseSizeTooLarge: Response payload size exceeded maximum allowed {_MOST}.",
        ),
        ("sleep", "Task timed out after 0.30 seconds"),
    ],
)  # fmt: skip
def test_a_failure_is_told_as_lambda_tells_it_and_the_next_invocation_is_well(
    make: Make, caplog: pytest.LogCaptureFixture, event: str, words: str
) -> None:
    function = make("rooms.fail")
    before = function.invoke("")
    function.timeout = 0.3 if event == "sleep" else 60.0
    with pytest.raises(InvocationFailed) as failed:
        function.invoke(event)
    function.timeout = 60.0
    assert str(failed.value) == words
    assert [record.getMessage() for record in caplog.records] == [f"[ERROR] {words} (room)"]
    assert (function.invoke("") == before) == (event in {"raise", "set"})


def test_a_process_that_overran_its_time_is_dead(make: Make) -> None:
    function = make("rooms.fail")
    process = psutil.Process(function.invoke(""))
    function.timeout = 0.3
    with pytest.raises(InvocationFailed):
        function.invoke("sleep")
    assert not process.is_running()
    assert function.pids() == []


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        ("broken.handler", "Runtime.ImportModuleError: Unable to import module 'broken': No module named 'nothing_of_"),
        ("wrong.handler", "RuntimeError: the setting is wrong"),
        ("gone.handler", "Runtime.ExitError: Runtime exited with error: exit status 7"),
        ("rooms.nothing", "Runtime.HandlerNotFound: Handler 'nothing' missing on module 'rooms'"),
    ],
)
def test_a_function_that_cannot_start_fails_every_invocation_and_leaves_no_process(
    make: Make, handler: str, words: str
) -> None:
    function = make(handler)
    for _ in range(2):
        with pytest.raises(InvocationFailed) as failed:
            function.invoke({})
        assert str(failed.value).startswith(words)
        assert function.pids() == []


def test_a_process_that_died_while_idle_costs_no_invocation(make: Make) -> None:
    function = make("rooms.fail")
    idle = psutil.Process(function.invoke(""))
    idle.kill()
    os.waitid(os.P_PID, idle.pid, os.WEXITED | os.WNOWAIT)  # a zombie may have threads that are still ending
    assert function.invoke("") != idle.pid


def test_a_process_that_nobody_needs_ends(make: Make) -> None:
    function = make("rooms.fail", idle=0.05)
    process = psutil.Process(function.invoke(""))
    until(lambda: not function.pids())
    assert not process.is_running()


_PARENT = """
import os, sys, threading
from pathlib import Path
from local.isolated import *
root = Path(sys.argv[1])
declared = Declared("room", 512, frozenset(), {})
function = IsolatedFunction(Plan(
    name="room", handler="rooms.fail", timeout=60, memory=512, most=2, task_root=root,
    env=lambda: environment(declared, os.environ, root)))
function.invoke("")
threading.Thread(target=function.invoke, args=("sleep",), daemon=True).start()
while len(function.pids()) < 2:
    function.invoke("")
print(*function.pids(), flush=True)
os.kill(os.getpid(), 9)
"""


def test_busy_and_frozen_processes_end_with_their_parent_however_it_dies(make: Make, tmp_path: Path) -> None:
    make("rooms.fail")
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "task")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    until(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_there_is_a_line_with_the_numbers_that_a_bill_is_made_of(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    function = make("rooms.fail")
    function.invoke("")
    function.invoke("")
    cold, warm = [line for line in capfd.readouterr().err.splitlines() if line.startswith("REPORT ")]
    assert "Init Duration: " in cold
    assert "Init Duration: " not in warm
    assert "\tMemory Size: 512 MB\tMax Memory Used: " in warm
