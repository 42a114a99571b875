"""The two databases as something that can be hurt."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from functions.core.errors import Misconfigured
from functions.core.store.engines import parse
from local.chaos.faults import Kind
from local.database import reach
from local.postgres import PostgresServer, temporary_postgres
from local.stack import StackError

_PATIENCE = 60  # seconds until a lock must have been got
_GLANCE = 0.1  # seconds; no healthy transaction holds SQLite's lock for so long
_IDLE = 0.5  # seconds; no healthy transaction is idle for so long


class Database(Protocol):
    """A database under chaos: SQLAlchemy's `url`, the kinds of fault that only it knows, and what they may raise."""

    name: str
    url: str
    kinds: frozenset[Kind]
    errors: tuple[type[Exception], ...]

    def fault(self, kind: Kind) -> AbstractContextManager[None]:
        """The fault while inside."""
        ...

    def is_held(self) -> bool:
        """Whether somebody, a frozen process say, keeps a transaction open that others wait for."""
        ...


class Sqlite:
    """The file of a stack's state directory."""

    name = "sqlite"
    kinds = frozenset({Kind.LOCK})
    errors: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    @contextmanager
    def fault(self, kind: Kind) -> Iterator[None]:  # noqa: ARG002 - there is but one
        """The write lock is ours."""
        with self._locked(_PATIENCE):
            yield

    def is_held(self) -> bool:
        """Whether the write lock cannot be had."""
        try:
            with self._locked(_GLANCE):
                return False
        except sqlite3.OperationalError:
            return True

    @contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        other = sqlite3.connect(self._path, isolation_level=None, timeout=patience)
        with contextlib.closing(other):
            other.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                other.execute("ROLLBACK")


class Postgres:
    """An empty database of a server; one that we have started can be restarted too."""

    name = "postgres"
    errors: tuple[type[Exception], ...] = (DBAPIError, Misconfigured)

    def __init__(self, url: str, server: PostgresServer | None = None) -> None:
        self.url = url
        self.kinds = frozenset({Kind.TERMINATE} | ({Kind.RESTART, Kind.CRASH} if server else set()))
        self._server = server
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    @contextmanager
    def fault(self, kind: Kind) -> Iterator[None]:
        """Done on entering."""
        if kind is Kind.TERMINATE:
            self._ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity")
        elif self._server is not None:
            self._server.restart("immediate" if kind is Kind.CRASH else "fast")
        yield

    def is_held(self) -> bool:
        """Whether a transaction waits for its client to go on."""
        found = self._ask(
            "SELECT count(*) FROM pg_stat_activity",
            f"AND state LIKE 'idle in transaction%%' AND state_change < clock_timestamp() - interval '{_IDLE} s'",
        )
        return bool(found)

    def _ask(self, query: str, more: str = "") -> int:
        others = "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql(f"{query} {others} {more}").scalar_one())


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A server and an empty database in it, both gone at the end. Raises StackError."""
    # Not in the state directory: what a run leaves behind there is for reading.
    with ExitStack() as held:
        try:
            server = held.enter_context(temporary_postgres())
        except Misconfigured as error:
            raise StackError(str(error)) from None
        yield Postgres(server.url, server)


@contextmanager
def given_database(url: str) -> Iterator[Postgres]:
    """The database that the user names, which must be an empty one of Postgres. Raises StackError."""
    try:
        if parse(url).drivername != "postgresql+psycopg":
            raise StackError("--database-url takes postgresql+psycopg://…; SQLite is always a file of its own")
        reach(url)
    except Misconfigured as error:
        raise StackError(str(error).replace("PIECEWISE_DATABASE_URL", "--database-url")) from None
    tables = sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names()
    if tables:
        raise StackError("the database of --database-url is not empty: chaos would work on its jobs; name an empty one")
    yield Postgres(url)
