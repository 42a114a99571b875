"""A database brought to a revision: each run one transaction, one run at a time, on SQLite and on Postgres."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

PATIENCE = 600  # seconds that a second run waits for the first
REPLACED_SERVICE = "0001"
_LOCK = 0x9EC_E315E  # an advisory lock's number; any will do that nobody else uses
_alembic = Lock()  # its `op` and `context` are this process's own, not a thread's


def upgrade(database_url: str, *, revision: str = "head", legacy_owner: str = "local") -> None:
    """Bring the database up to `revision`; all or nothing, and nothing when it is there already.

    `legacy_owner` owns the jobs that the replaced service's rows become. An SQLite file is made in WAL mode.
    Raises Misconfigured for rows or tables that cannot be brought over.
    """
    _run(database_url, command.upgrade, revision, legacy_owner=legacy_owner)


def downgrade(database_url: str, *, revision: str = REPLACED_SERVICE, drop_new_jobs: bool = False) -> None:
    """Bring the database down to `revision`, the replaced service's unless said otherwise; all or nothing.

    Raises Misconfigured when jobs would be lost and `drop_new_jobs` is not set.
    """
    _run(database_url, command.downgrade, revision, drop_new_jobs=drop_new_jobs)


def current(database_url: str) -> str | None:
    """The revision the database is at; None before the first."""
    with _transaction(database_url, write=False) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _run(database_url: str, way: Callable[[Config, str], None], revision: str, **options: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _alembic, _transaction(database_url, write=True) as connection:
        config.attributes.update(options, connection=connection)
        way(config, revision)


@contextmanager
def _transaction(database_url: str, *, write: bool) -> Iterator[sa.Connection]:
    """One transaction over DDL and rows alike; a `write` one waits until no other run is under way."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_to_write if write else _prepare)
        sa.event.listen(engine, "begin", lambda on: on.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN"))
    try:
        with engine.begin() as connection:
            if write and engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
    finally:
        engine.dispose()


def _prepare(driver: sqlite3.Connection, _record: object) -> None:
    """Python's driver would commit before DDL and begin only at the first write: it shall leave that to us."""
    driver.isolation_level = None
    driver.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")


def _prepare_to_write(driver: sqlite3.Connection, record: object) -> None:
    """WAL is a property of the file and set outside a transaction.

    While another run changes the file, SQLite says "busy" at once here, whatever its busy_timeout: so ask again.
    """
    _prepare(driver, record)
    patiently = Retrying(
        retry=retry_if_exception(_busy), stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.05), reraise=True
    )
    patiently(driver.execute, "PRAGMA journal_mode = WAL")


def _busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY
