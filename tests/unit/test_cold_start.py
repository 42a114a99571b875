"""Each function imports what it uses and no more; and an import leaves nothing that a snapshot must not hold.

Lambda's SnapStart starts many functions from one memory image, taken after the handlers are imported: a connection, an
event loop or a random number in it would be everybody's. What a function connects or draws begins with its first event
(`wiring.parts`), `wiring`'s own `Random` too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
NOBODY = {
    "alembic", "migrations", "pydantic_ai", "openai", "anthropic", "httpx", "httpx2", "moto", "uvicorn", "yaml", "rich",
    "typer", "local", "tests", "functions.core.providers.simulated", "functions.core.providers.local",
    "functions.core.providers.extract", "functions.core.providers.real",
}  # fmt: skip
WEB = {"fastapi", "starlette", "mangum", "pydantic.v1"}
CUTTING = {"functions.core.chunking", "functions.core.graphemes"}
# One that cannot even reach its imports must still answer CloudFormation, so `migrate` begins with next to nothing.
LATER = {"boto3", "sqlalchemy", "psycopg", "functions.core.settings", "functions.core.wiring"}
NOT_ITS_OWN = dict.fromkeys(ROOMS, NOBODY | WEB | CUTTING) | {
    "api": NOBODY, "planner": NOBODY | WEB, "migrate": NOBODY | WEB | CUTTING | LATER
}  # fmt: skip

SETTINGS = {
    "PIECEWISE_DATABASE_URL": "postgresql+psycopg://piecewise_app@127.0.0.1:1/piecewise",
    "PIECEWISE_BUCKET": "bucket",
    "PIECEWISE_PLAN_QUEUE": "plan",
    "PIECEWISE_CHUNK_QUEUE": "chunk",
    "PIECEWISE_FINALIZE_QUEUE": "finalize",
    "PIECEWISE_ALLOWED_MODELS": "local,openai:*",
    "PIECEWISE_MODEL_API_KEY_SECRET": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
}
_MODULES = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
if "functions.core.wiring" in sys.modules:
    sys.modules["functions.core.wiring"].parts()
print(json.dumps(sorted(sys.modules)))
"""
_LEFT_BEHIND = """
import asyncio, gc, importlib, json, os, random, socket, sys, threading
reached = []
def audit(event, given):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        reached.append(event)
sys.addaudithook(audit)
before, urandom, drawn = random.getstate(), os.urandom, []
def noted(size):
    drawn.append(sys._getframe(1).f_code.co_filename)
    return urandom(size)
os.urandom = noted
importlib.import_module(sys.argv[1])
kinds = random.Random | socket.socket | asyncio.AbstractEventLoop
kept = [each for each in gc.get_objects() if isinstance(each, kinds)]
print(json.dumps({
    "reached": reached,
    "drawn": [name for name in drawn if "/functions/" in name],
    "shared generator used": random.getstate() != before,
    "kept": sorted({type(each).__name__ for each in kept if not harmless(each)}),
    "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
}))
"""
_HARMLESS = """
import random, socket
def harmless(each):  # the generator of `random` itself, one that asks the system each time, a socket that is closed
    if isinstance(each, socket.socket):
        return each.fileno() == -1
    return each is random._inst or isinstance(each, random.SystemRandom)
"""


def told(program: str, room: str) -> Any:
    """What a fresh interpreter prints that has just imported a room's handler."""
    done = subprocess.run(
        [sys.executable, "-c", program, f"functions.{room}.handler"],
        cwd=ROOT, env=SETTINGS, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("room", ROOMS)
def test_a_function_imports_only_what_it_uses(room: str) -> None:
    modules = told(_MODULES, room)

    top = {name.split(".")[0] for name in modules} | set(modules)
    assert not top & NOT_ITS_OWN[room]
    assert ("functions.core.wiring" in top) == (room != "migrate")
    assert not {name for name in modules if name.startswith("functions.") and name.split(".")[1] in set(ROOMS) - {room}}


@pytest.mark.parametrize("room", ROOMS)
def test_an_import_connects_nothing_draws_nothing_and_starts_nothing(room: str) -> None:
    assert told(_HARMLESS + _LEFT_BEHIND, room) == {
        "reached": [],
        "drawn": [],
        "shared generator used": False,
        "kept": [],
        "threads": [],
    }
