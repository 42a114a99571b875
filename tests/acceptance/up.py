"""`piecewise up` as a process, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PIECEWISE = (sys.executable, "-c", "from local.cli.main import main; main()")
READY = "Piecewise is ready: "


@dataclass
class Up:
    """A running `piecewise up`: its process, its address, its children's process ids at the start."""

    process: subprocess.Popen[str]
    url: str
    children: list[psutil.Process]

    def kill(self, *parts: str) -> None:
        """SIGKILL the running children of these roles; `moto` is one."""
        for part in parts:
            victims = self._children("local.moto" if part == "moto" else part)
            assert victims
            for victim in victims:
                victim.kill()

    def _children(self, word: str) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # ended, and its parent about to notice
                found += [child] if word in child.cmdline() else []
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; its exit status and what it wrote to stderr. All its processes must be gone then."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=90)
        _, alive = psutil.wait_procs(self.children, timeout=30)
        assert not alive
        return self.process.returncode, errors


@contextmanager
def up(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Up]:
    """`piecewise up --port 0` with more arguments, ready; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*PIECEWISE, "up", "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(READY), process.communicate()[1]
        yield Up(process, line.removeprefix(READY).strip(), psutil.Process(process.pid).children())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def cli(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command of the command line, to its end."""
    everything = {**os.environ, **(env or {})}
    return subprocess.run(
        [*PIECEWISE, *arguments], capture_output=True, text=True, env=everything, timeout=120, check=False
    )


def document(path: Path, *parts: str) -> str:
    """A file with one paragraph a part; its name."""
    path.write_text("\n\n".join(parts))
    return str(path)
