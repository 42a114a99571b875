"""Runs the bare endpoint in a process of its own, as a stack runs its gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Bare:
    """A bare endpoint on loopback."""

    port: int
    pid: int


@contextmanager
def bare_endpoint() -> Iterator[Bare]:
    """Run one while the block lasts."""
    argv = [sys.executable, "-P", "-m", "local.bench.bare"]
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            yield Bare(int(json.loads(process.stdout.readline())["port"]), process.pid)
        finally:
            process.kill()
