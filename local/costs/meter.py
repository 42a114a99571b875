"""What a room does in this process: its statements and commits, its requests of AWS, its log and its CPU."""

from __future__ import annotations

import io
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

from functions.core.logs import logger

_WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Room:
    """What one room did in all its invocations: `cpu` in seconds, `calls` by AWS's operation."""

    invocations: int = 0
    cpu: float = 0.0
    statements: int = 0
    commits: int = 0
    log_bytes: int = 0
    calls: Counter[str] = field(default_factory=Counter)

    def as_toml(self, name: str) -> Iterator[str]:
        """One table."""
        yield f"[{name}]"
        yield f"invocations = {self.invocations}"
        yield f"cpu_ms = {1000 * self.cpu:.1f}"
        yield f"statements = {self.statements}"
        yield f"commits = {self.commits} # of transactions that wrote"
        yield f"log_bytes = {self.log_bytes}"
        inside = ", ".join(f"{operation} = {count}" for operation, count in sorted(self.calls.items()))
        yield f"calls = {{ {inside} }}" if inside else "calls = {}"
        yield ""


class Meter(logging.Handler):
    """Adds what happens to the room that is at work; a handler of our own log, and of botocore's."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.rooms: dict[str, Room] = {}
        self._at_work: Room | None = None

    @contextmanager
    def invocation(self, room: str) -> Iterator[None]:
        """One invocation of a room."""
        self._at_work = self.rooms.setdefault(room, Room())
        self._at_work.invocations += 1
        metrics = io.StringIO()
        began = time.process_time()
        try:
            with redirect_stdout(metrics):
                yield
        finally:
            self._at_work.cpu += time.process_time() - began
            self._at_work.log_bytes += len(metrics.getvalue())
            self._at_work = None

    def emit(self, record: logging.LogRecord) -> None:
        """A line of ours, or a request of botocore's."""
        if self._at_work is None:
            return
        if record.name == "botocore.endpoint":
            if str(record.msg).startswith("Making request"):
                self._at_work.calls[record.args[0].name] += 1  # type: ignore[index, union-attr]
        else:
            self._at_work.log_bytes += len(self.format(record)) + 1

    def listen(self) -> None:
        """Hear of every statement, commit, request and line of this process from now on."""
        requests = logging.getLogger("botocore.endpoint")
        requests.setLevel(logging.DEBUG)
        requests.propagate = False
        requests.addHandler(self)
        self.setFormatter(logger.handlers[0].formatter)
        logger.addHandler(self)
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)

    def _statement(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if self._at_work is not None:
            self._at_work.statements += 1
            if statement.lstrip().upper().startswith(_WRITES):
                connection.info["wrote"] = True

    def _commit(self, connection: Connection) -> None:
        if connection.info.pop("wrote", False) and self._at_work is not None:
            self._at_work.commits += 1
