"""The database that a stack is told to use: whether it can be reached, and whether its jobs are this stack's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from functions.core.errors import Misconfigured
from functions.core.store.engines import Engines, make_engines, parse

_LOCK = 0x9EC_E57AC  # an advisory lock's number; any will do that nobody else uses
_MAKE = sa.text("CREATE TABLE local_stack (one integer PRIMARY KEY, state_id text NOT NULL, state_dir text NOT NULL)")
_READ = sa.text("SELECT state_id, state_dir FROM local_stack WHERE one = 1")
_WRITE = sa.text("INSERT INTO local_stack (one, state_id, state_dir) VALUES (1, :state_id, :state_dir)")


def usable_url(url: str) -> str:
    """The URL, that of an SQLite file with its whole path: processes have directories of their own.

    Raises Misconfigured for what is no URL, or a database that processes cannot share.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
            raise Misconfigured(
                "PIECEWISE_DATABASE_URL must name a file: every process would have a database of its own"
            )
        parsed = parsed.set(database=str(Path(parsed.database).absolute()))
    return parsed.render_as_string(hide_password=False)


def reach(url: str) -> None:
    """Connect once. Raises Misconfigured: one line with the address, without its password, and the reason."""
    try:
        with _engines(url) as engines, engines.read.begin() as connection:  # waits for nobody's lock
            connection.execute(sa.text("SELECT 1"))
    except SQLAlchemyError as error:
        shown = parse(url).render_as_string()
        raise Misconfigured(f"cannot use the database of PIECEWISE_DATABASE_URL ({shown}): {_words(error)}") from None


@retry(  # many that turn a new file to WAL at once are refused as busy without any wait
    retry=retry_if_exception_type(OperationalError), stop=stop_after_attempt(8), wait=wait_random(0, 0.2), reraise=True
)
def claim(url: str, state: Path) -> None:
    """Mark the database as this state directory's. Raises Misconfigured when it is another's.

    A stack takes it at its start that no worker of its database lives, and finds documents in its own state directory
    only. The directory is locked while a stack is up, so a database that is one directory's is one live stack's: no
    other laptop, and no deployment, can lose leases or documents to it.
    """
    with _engines(url) as engines, engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _claim(connection, _identity(state), state)


@contextmanager
def _engines(url: str) -> Iterator[Engines]:
    """The functions' own engines, for a moment. Raises Misconfigured."""
    engines = make_engines(url, pool_size=1)
    try:
        yield engines
    finally:
        engines.dispose()


def _claim(connection: sa.Connection, state_id: str, state: Path) -> None:
    if not sa.inspect(connection).has_table("local_stack"):
        if _has_jobs(connection):
            raise Misconfigured(
                "the database of PIECEWISE_DATABASE_URL holds jobs of a deployment, whose documents are not here and "
                "whose workers may be at work: name an empty database"
            )
        connection.execute(_MAKE)
        connection.execute(_WRITE, {"state_id": state_id, "state_dir": str(state)})
        return
    owner = connection.execute(_READ).one()
    if owner.state_id != state_id:
        raise Misconfigured(
            f"the database of PIECEWISE_DATABASE_URL belongs to the state directory {owner.state_dir}, where its "
            "documents are: use that with --state-dir, or name an empty database"
        )


def _has_jobs(connection: sa.Connection) -> bool:
    """Whether there are jobs of ours; rows of the replaced service carry their texts with them and are welcome."""
    tables = sa.inspect(connection).get_table_names()
    if not {"alembic_version", "analysis_jobs"} <= set(tables):
        return False
    return connection.execute(sa.text("SELECT 1 FROM analysis_jobs LIMIT 1")).first() is not None


def _identity(state: Path) -> str:
    """The directory's own name for itself, which stays when it is moved."""
    file = state / "id"
    if not file.exists():
        file.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _words(error: Exception) -> str:
    """The driver's first line, which has the reason."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(error).__name__)
