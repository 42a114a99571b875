"""The database that a stack is told to use: whether it can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from functions.core.errors import Misconfigured
from functions.core.store.engines import Engines, make_engines, parse


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
        raise refused(url, error) from None


def refused(url: str, error: Exception, way_out: str = "") -> Misconfigured:
    """What is raised then: one line with the address, without its password, and the reason."""
    shown = parse(url).render_as_string()
    words = ": ".join(filter(None, [_words(error), way_out]))
    return Misconfigured(f"cannot use the database of PIECEWISE_DATABASE_URL ({shown}): {words}")


@contextmanager
def _engines(url: str) -> Iterator[Engines]:
    """The functions' own engines, for a moment. Raises Misconfigured."""
    engines = make_engines(url, pool_size=1)
    try:
        yield engines
    finally:
        engines.dispose()


def _words(error: Exception) -> str:
    """The driver's first line, which has the reason."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(error).__name__)
