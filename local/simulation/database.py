"""The database: SQLite in memory under the product's own SQL, whose connections break where the seed says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from random import Random
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from functions.core.store.engines import Engines, make_engines
from local.simulation.faults import Fault, Faults
from migrations.upgrade import upgrade

T = TypeVar("T")
_URL = "sqlite:///file:piecewise-simulation?mode=memory&cache=shared&uri=true"
_EPOCH = 1_767_225_600_000  # 2026-01-01, in milliseconds: when every history begins


class Crash(BaseException):
    """The invocation dies here, inside its transaction. No handler catches it, as none catches SIGKILL."""


class Freeze(BaseException):
    """The invocation freezes here, inside its transaction; its session is ended meanwhile."""


class _SerializationFailure(Exception):
    sqlstate = "40001"


class SimulatedDatabase:
    """One for all histories of this program, emptied between them: a new engine would compile every statement anew."""

    def __init__(self) -> None:
        self._keeper = sqlite3.connect(_URL.removeprefix("sqlite:///"), uri=True)  # a database lives while it is open
        self._keeper.execute("PRAGMA foreign_keys=ON")
        upgrade(_URL)
        self.engines: Engines = make_engines(_URL, pool_size=1, clock=lambda: self._clock())
        self._clock: Callable[[], int] = lambda: _EPOCH
        self._fuse: _Fuse | None = None
        self._leapt = 0  # milliseconds
        self._violations: list[str] = []
        event.listen(self.engines.write, "before_cursor_execute", self._before_write)
        for engine in (self.engines.write, self.engines.read):
            event.listen(engine, "before_cursor_execute", self._before_statement)
            event.listen(engine, "commit", self._before_commit)

    def begin(self, seconds: Callable[[], float], violations: list[str]) -> None:
        """An empty database, whose clock follows `seconds`; what it finds wrong is noted in `violations`."""
        self._violations = violations
        self._fuse = None
        for table in ("chunk_records", "analysis_jobs", "documents", "idempotency_keys", "deletions"):
            self._keeper.execute(f"DELETE FROM {table}")  # noqa: S608
        self._keeper.commit()
        self._leapt = 0
        self._clock = lambda: _EPOCH + self._leapt + int(seconds() * 1000)

    def now(self) -> int:
        """The database's time."""
        return self._clock()

    def leap(self, seconds: float) -> None:
        """Let so much time pass in which nothing happens."""
        self._leapt += int(seconds * 1000)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A look at the committed rows, past every fault."""
        with closing(self._keeper.execute(query)) as cursor:
            return cursor.fetchall()

    def perform(self, call: Callable[[], T], faults: Faults, random: Random) -> T:
        """A transaction, and what may become of it. Raises what the driver would, or Crash or Freeze."""
        fault = faults.one_of(*_FAULTS)
        if fault is Fault.REFUSED:
            raise lost("connection refused")
        with self._armed(fault, random):
            answer = call()
        if fault is Fault.LOST_COMMIT_ANSWER:
            raise lost("the connection was lost while the commit was under way")
        return answer

    @contextmanager
    def _armed(self, fault: Fault | None, random: Random) -> Iterator[None]:
        self._fuse = _Fuse(fault, random.randrange(4)) if fault in _FUSED else None
        try:
            yield
        finally:
            self._fuse = None

    def _before_write(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "BEGIN":  # two that upgrade at once: one of them fails, however long it waits
            self._violations.append("a transaction that may write begins deferred")

    def _before_statement(self, *_: object) -> None:
        if self._fuse:
            self._fuse.statement()

    def _before_commit(self, _: object) -> None:
        if self._fuse:
            self._fuse.commit()


class _Fuse:
    """Blows before statement number `left` of a transaction, or before its commit."""

    def __init__(self, fault: Fault | None, left: int) -> None:
        self._fault = fault
        self._left = left

    def statement(self) -> None:
        if self._fault in (Fault.LOST_COMMIT, Fault.SERIALIZATION):
            return
        self._left -= 1
        if self._left < 0:
            self._blow()

    def commit(self) -> None:
        self._blow()

    def _blow(self) -> None:
        match self._fault:
            case Fault.CRASH_IN_TRANSACTION:
                raise Crash
            case Fault.FREEZE_IN_TRANSACTION:
                raise Freeze
            case Fault.SERIALIZATION:
                raise DBAPIError("", None, _SerializationFailure())
            case _:
                raise lost("the connection was lost")


_FUSED = (
    Fault.CRASH_IN_TRANSACTION,
    Fault.FREEZE_IN_TRANSACTION,
    Fault.LOST_IN_TRANSACTION,
    Fault.LOST_COMMIT,
    Fault.SERIALIZATION,
)
_FAULTS = (Fault.REFUSED, Fault.LOST_COMMIT_ANSWER, *_FUSED)


def lost(words: str) -> OperationalError:
    """What SQLAlchemy raises when the driver has lost the connection."""
    return OperationalError("", None, sqlite3.OperationalError(words))
