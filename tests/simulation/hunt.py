"""Looks for a history that shows a mutation, in a process of its own, on a broken copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.mutations import ROOT, Mutation

PATIENCE = (
    900  # seconds: ten times what the slowest hunt takes, in case a mutation makes the product go round in circles
)
_PROGRAM = """
import json, sys
from local.simulation.campaign import play_block
from local.simulation.faults import Fault
seeds, only = json.loads(sys.argv[1])
found = play_block(seeds, [Fault[name] for name in only]).broken
print(json.dumps([[broken.seed, broken.violation] for broken in found]))
"""


def broken_copy(mutation: Mutation, root: Path) -> None:
    """The project in `root`, with the mutation."""
    for part in ("functions", "local", "migrations"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "*.txt"))
    shutil.copy(ROOT / "template.yaml", root)
    mutation.apply(root)


def hunt(mutation: Mutation, seeds: Sequence[int]) -> tuple[int, str] | None:
    """The first of the seeds whose history breaks a promise, and the promise; None when none does."""
    with tempfile.TemporaryDirectory(prefix="piecewise-mutation-") as name:
        root = Path(name)
        broken_copy(mutation, root)
        asked = json.dumps([list(seeds), [fault.name for fault in mutation.only]])
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, asked],
            cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
    if ended.returncode:
        return -1, ended.stderr.strip().rpartition("\n")[2]  # it does not even run
    found: list[tuple[int, str]] = json.loads(ended.stdout)
    return found[0] if found else None
