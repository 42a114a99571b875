"""The tables of the database that a stack is told to use: whose they are, and brought up to date."""

from __future__ import annotations

import uuid
from pathlib import Path

import sqlalchemy as sa
from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from functions.core.errors import Misconfigured
from local.database import refused
from migrations.upgrade import current_in, revisions, transaction, upgrade_in

_MAKE = sa.text("CREATE TABLE local_stack (one integer PRIMARY KEY, state_id text NOT NULL, state_dir text NOT NULL)")
_READ = sa.text("SELECT state_id, state_dir FROM local_stack WHERE one = 1")
_WRITE = sa.text("INSERT INTO local_stack (one, state_id, state_dir) VALUES (1, :state_id, :state_dir)")


def prepare(url: str, state: Path | None = None) -> None:
    """Bring the tables up to date; with `state` mark the database as that state directory's. All or nothing.

    Raises Misconfigured, one line that names PIECEWISE_DATABASE_URL, when it is another's or cannot be changed.

    A stack takes it at its start that no worker of its database lives, and finds documents in its own state directory
    only. The directory is locked while a stack is up, so a database that is one directory's is one live stack's: no
    other laptop, and no deployment, can lose leases or documents to it.
    """
    try:
        with transaction(url) as connection:
            if state is not None:
                _claim(connection, state)
            _check_revision(connection)
            upgrade_in(connection)
    except (SQLAlchemyError, CommandError) as error:
        raise refused(url, error, "name an empty database whose user may make tables in it") from None


def _claim(connection: sa.Connection, state: Path) -> None:
    tables = sa.inspect(connection).get_table_names()
    state_id = _identity(state)
    if "local_stack" in tables:
        _check_owner(connection, state_id)
        return
    if {"alembic_version", "analysis_jobs"} <= set(tables):  # the replaced service, which is welcome, has no first one
        raise Misconfigured(
            "the database of PIECEWISE_DATABASE_URL is a deployment's, whose documents are not here and whose workers "
            "may be at work: name an empty database"
        )
    connection.execute(_MAKE)
    connection.execute(_WRITE, {"state_id": state_id, "state_dir": str(state)})


def _check_owner(connection: sa.Connection, state_id: str) -> None:
    owner = connection.execute(_READ).one()
    if owner.state_id != state_id:
        raise Misconfigured(
            f"the database of PIECEWISE_DATABASE_URL belongs to the state directory {owner.state_dir}, where its "
            "documents are: use that with --state-dir, or name an empty database"
        )


def _check_revision(connection: sa.Connection) -> None:
    revision = current_in(connection)
    if revision is not None and revision not in revisions():
        raise Misconfigured(
            f"the database of PIECEWISE_DATABASE_URL is at revision {revision}, which is another program's or a newer "
            "Piecewise's: use what made it, or name an empty database"
        )


def _identity(state: Path) -> str:
    """The directory's own name for itself, which stays when it is moved."""
    file = state / "id"
    if not file.exists():
        file.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    return file.read_text(encoding="ascii").strip()
