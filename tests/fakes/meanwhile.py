"""What happens to a transition from outside: something else just before it, or its commit's answer lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from functions.core.store.database import Database
from functions.core.store.engines import Engines
from functions.core.store.sql import SqlStore
from functions.core.threads import on_threads
from functions.core.wiring import make_timing
from tests.fakes.stage import Stage


class Meanwhile:
    """A store in which something else happens just before a method: once, at its first call."""

    def __init__(self, store: SqlStore, **before: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._before = before

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if name in self._before:
                await self._before.pop(name)()
            return await method(*args, **kwargs)

        return call


class Unanswered:
    """An engine whose next commit succeeds without an answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.lost = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction."""
        with self._engine.begin() as connection:
            yield connection
        if not self.lost:
            self.lost += 1
            raise OperationalError("COMMIT", {}, ConnectionError("the connection was lost"))


def unanswered(stage: Stage) -> SqlStore:
    """The stage's store, the answer of whose first commit is lost."""
    engine = cast("Engine", Unanswered(stage.engines.write))
    database = Database(Engines(write=engine, read=stage.engines.read), on_threads(1, "unanswered"))
    return SqlStore(database, make_timing(stage.settings), renewals=database)


def meanwhile(stage: Stage, **before: Callable[[], Awaitable[object]]) -> None:
    """From now on the stage's store is such a one."""
    stage.store = cast("SqlStore", Meanwhile(stage.store, **before))
