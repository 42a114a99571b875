"""How long a cold start imports: each room of the built artifact, beside FastAPI and SQLAlchemy out of the same one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from local.artifact.build import build_for_this_machine
from local.artifact.bytecode import lambdas_python
from local.artifact.errors import BuildError
from local.bench.figures import Figure, Goal, percentile, times

_PROMISE = 2.0  # times what stands beside it, for the function that a caller waits for: 1 s where that takes half
_BESIDE = "fastapi,sqlalchemy"
_IMPORT = """
import sys, time
sys.path.insert(0, sys.argv[1])
began = time.process_time()
for name in sys.argv[2].split(","):
    __import__(name)
print([time.process_time() - began, len(sys.modules)])
"""


def cold(*, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """CPU seconds in a fresh process of Lambda's Python, the median of several; none where nothing can be built.

    Imports run on one core and from memory after the first round: on a quiet machine the clock says the same.
    """
    say("cold: building the artifact")
    try:
        artifact = build_for_this_machine()
    except BuildError as error:
        say(f"cold: left out: {error}")
        return []
    rooms = sorted(path.parent.name for path in (artifact / "functions").glob("*/handler.py"))
    imports = {"beside": _BESIDE} | {room: f"functions.{room}.handler" for room in rooms}
    runs = 2 if quick else 5
    say(f"cold: {runs} imports of each of {len(rooms)} functions")
    # In turn, so that what disturbs one disturbs all alike; the first round fetches the files.
    rounds = [{name: _import(artifact, modules) for name, modules in imports.items()} for _ in range(runs + 1)][1:]
    seconds = {name: percentile([found[name][0] for found in rounds], 50) for name in imports}
    return [_figure(room, seconds[room], seconds["beside"], rounds[0][room][1], runs) for room in rooms]


def _import(artifact: Path, modules: str) -> tuple[float, int]:
    """CPU seconds, and how many modules there are then."""
    python, _ = lambdas_python()
    command = [python, "-I", "-S", "-c", _IMPORT, str(artifact), modules]
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    seconds, count = json.loads(said.stdout)
    return seconds, count


def _figure(room: str, seconds: float, beside: float, modules: int, runs: int) -> Figure:
    return times(
        f"cold.{room}",
        f"importing the {room} function",
        seconds,
        "s",  # of CPU
        (beside, "fastapi and sqlalchemy alone"),
        goal=Goal("ratio", _PROMISE) if room == "api" else None,
        more={"modules": modules, "imports": runs},
    )
