"""One process of a stack: started, spoken to in JSON lines over its pipes, watched until it ends.

A child's stdin is a pipe that only its parent holds: when the parent is gone, however it died, the child reads the end
of it and exits. Nothing is ever left running.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Facts = dict[str, Line]


@dataclass(frozen=True, slots=True)
class Spec:
    """How a child is started and when it may begin.

    `argv` is made from the facts known then (a restarted moto takes its old port). Once all facts named in `needs` are
    known the child is sent a "go" line with them, and again whenever one of them becomes known anew.
    """

    name: str
    argv: Callable[[Facts], Sequence[str]]
    needs: frozenset[str] = frozenset()
    fds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A line that a child wrote."""

    process: Process
    line: Line


@dataclass(frozen=True, slots=True)
class Ended:
    """A child is gone; `code` as subprocess has it: negative is a signal."""

    process: Process
    code: int


Event = Said | Ended


@dataclass(eq=False)
class Process:
    """A running child. Its lines and its end are handed to `tell`, from a thread of its own."""

    spec: Spec
    tell: Callable[[Event], None]
    popen: subprocess.Popen[str]
    log: Path
    log_start: int
    heard: set[str] = field(default_factory=set)
    failure: str = ""  # why it could not start, in words for the user
    reader: threading.Thread | None = None

    @classmethod
    def start(
        cls, spec: Spec, facts: Facts, *, env: Mapping[str, str], log: Path, tell: Callable[[Event], None]
    ) -> Process:
        """Start the child with its stderr appended to `log`, in a session of its own: Ctrl-C is for the parent."""
        with log.open("ab") as errors:
            popen = subprocess.Popen(  # noqa: S603
                spec.argv(facts), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=dict(env),
                pass_fds=spec.fds, start_new_session=True, text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            process = cls(spec, tell, popen, log, errors.tell())
        process.reader = threading.Thread(target=process._read, name=f"reader-{spec.name}", daemon=True)
        process.reader.start()
        return process

    def send(self, line: Line) -> None:
        """Write one line to the child; a child that is gone will be noticed elsewhere."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.popen.stdin.write(json.dumps(line) + "\n")
            self.popen.stdin.flush()

    def end(self, seconds: float) -> None:
        """Wait so long for the child's own end, then kill it; its pipes are closed when this returns."""
        try:
            self.popen.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        if self.reader is not None:
            self.reader.join()
        for pipe in (self.popen.stdin, self.popen.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def last_log_line(self) -> str:
        """The last thing this run of the child wrote to its log, or nothing; the message of a JSON record."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            last = deque((line for line in log if line.strip()), maxlen=1)
        text = last[0].decode("utf-8", "replace").strip() if last else ""
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            text = str(json.loads(text)["message"])
        return text[:500]

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for text in self.popen.stdout:
            line = _parse(text)
            if line is not None:
                self.tell(Said(self, line))
        self.tell(Ended(self, self.popen.wait()))


def _parse(text: str) -> Line | None:
    with contextlib.suppress(ValueError):
        line = json.loads(text)
        if isinstance(line, dict):
            return line
    return None
