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
from alembic.script import ScriptDirectory
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

PATIENCE = 600  # seconds that a second run waits for the first
REPLACED_SERVICE = "0001"
_LOCK = 0x9EC_E315E  # an advisory lock's number; any will do that nobody else uses
_LOCKED_OUT = 20  # seconds that DDL waits for a table which a transaction holds
_FORGOTTEN = 60  # seconds after which the server ends the transaction of a process that was killed
_SET = sa.text("SELECT set_config(:name, :value, true)")  # for this transaction
_alembic = Lock()  # its `op` and `context` are this process's own, not a thread's


def upgrade(database_url: str, *, revision: str = "head", legacy_owner: str = "local") -> None:
    """Bring the database up to `revision`; all or nothing, and nothing when it is there already.

    `legacy_owner` owns the jobs that the replaced service's rows become. An SQLite file is made in WAL mode.
    Raises Misconfigured for rows or tables that cannot be brought over.
    """
    with transaction(database_url) as connection:
        upgrade_in(connection, revision=revision, legacy_owner=legacy_owner)


def upgrade_in(connection: sa.Connection, *, revision: str = "head", legacy_owner: str = "local") -> None:
    """The same inside a `transaction`."""
    _run(connection, command.upgrade, revision, legacy_owner=legacy_owner)


def downgrade(database_url: str, *, revision: str = REPLACED_SERVICE, drop_new_jobs: bool = False) -> None:
    """Bring the database down to `revision`, the replaced service's unless said otherwise; all or nothing.

    Raises Misconfigured when jobs would be lost and `drop_new_jobs` is not set.
    """
    with transaction(database_url) as connection:
        _run(connection, command.downgrade, revision, drop_new_jobs=drop_new_jobs)


def current(database_url: str) -> str | None:
    """The revision the database is at; None before the first."""
    with transaction(database_url, write=False) as connection:
        return current_in(connection)


def current_in(connection: sa.Connection) -> str | None:
    """The same inside a `transaction`."""
    return MigrationContext.configure(connection).get_current_revision()


def one_line(error: Exception) -> str:
    """What the database or Alembic says, without the statement and its parameters, which SQLAlchemy would repeat."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def revisions() -> list[str]:
    """Every revision that stands here, the newest first."""
    return [script.revision for script in script_directory().walk_revisions()]


def script_directory() -> ScriptDirectory:
    """The revisions as Alembic sees them."""
    return ScriptDirectory.from_config(_config())


def _run(connection: sa.Connection, way: Callable[[Config, str], None], revision: str, **options: object) -> None:
    config = _config()
    config.attributes.update(options, connection=connection)
    with _alembic:
        way(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


@contextmanager
def transaction(
    database_url: str | sa.URL, *, write: bool = True, seconds: float | None = None
) -> Iterator[sa.Connection]:
    """One transaction over DDL and rows alike; a `write` one waits until no other run is under way.

    `seconds`: after so many Postgres ends a statement, waiting for another run too; None: never.
    """
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_to_write if write else _prepare)
        sa.event.listen(engine, "begin", lambda on: on.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN"))
    try:
        with engine.begin() as connection:
            if write and engine.dialect.name == "postgresql":
                _alone(connection, seconds)
            yield connection
    finally:
        engine.dispose()


def _alone(connection: sa.Connection, seconds: float | None) -> None:
    """Hold the lock of migrations until the end of the transaction."""
    if seconds is not None:
        _limit(connection, "statement_timeout", seconds)
        _limit(connection, "idle_in_transaction_session_timeout", seconds + _FORGOTTEN)
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if seconds is not None:  # everything that comes after DDL waits while that waits for a table
        _limit(connection, "lock_timeout", min(seconds, _LOCKED_OUT))


def _limit(connection: sa.Connection, name: str, seconds: float) -> None:
    connection.execute(_SET, {"name": name, "value": str(max(1, round(seconds * 1000)))})  # 0 would be no limit


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
