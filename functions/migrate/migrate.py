"""The database brought up to what this artifact's code needs, in one transaction, one run at a time."""

from __future__ import annotations

import json

import boto3
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from functions.core.aws import ANY_FAILURE, reason
from functions.core.errors import Misconfigured, PiecewiseError
from functions.core.secret import SecretsClient, make_secrets
from functions.core.settings import MigrateSettings
from functions.core.store.engines import parse
from functions.core.store.iam import verified
from functions.core.store.tables import chunks, jobs
from functions.migrate.role import make_role
from migrations.upgrade import current_in, one_line, revisions, transaction, upgrade_in


class MigrationFailed(PiecewiseError):
    """The database was not there or said no; nothing has changed."""


def from_environment(head: str, seconds: float) -> str:
    """`migrate` with what Lambda is set to."""
    settings = MigrateSettings.load()
    return migrate(head, seconds, settings, make_secrets(boto3.Session(), settings.database_admin_secret))


def migrate(head: str, seconds: float, settings: MigrateSettings, secrets: SecretsClient) -> str:
    """Upgrade and make the role of the functions; what was done, in a line.

    A database that is ahead of `head` stays as it is: CloudFormation rolls back, and the older code works on it, for
    every migration only adds. Raises Misconfigured and MigrationFailed.
    """
    known = revisions()
    if head not in known:
        raise Misconfigured(
            f"Head is {head or 'not given'}, which this artifact does not know (its newest revision is {known[0]}): "
            "build and deploy artifact and template from the same commit"
        )
    try:
        with transaction(_as_admin(settings, secrets), seconds=seconds) as connection:
            at = current_in(connection)
            if _ahead(connection, at, head, known):
                return f"nothing to do: the database is at {at}, ahead of {head}"
            upgrade_in(connection, legacy_owner=settings.legacy_owner)
            make_role(connection, settings.app_role)
    except (SQLAlchemyError, CommandError) as error:
        raise MigrationFailed(f"the database could not be migrated: {one_line(error)}") from error
    return f"the database is at {known[0]}, {settings.app_role} may work with it"


def _ahead(connection: sa.Connection, at: str | None, head: str, known: list[str]) -> bool:
    """Whether a newer artifact was here before. Raises Misconfigured when it was a stranger."""
    if at is None or at in known:
        return at is not None and known.index(at) < known.index(head)
    there = sa.inspect(connection)
    if there.has_table(jobs.name) and there.has_table(chunks.name):
        return True
    raise Misconfigured(f"the database is at revision {at}, which is none of Piecewise's: use a database of its own")


def _as_admin(settings: MigrateSettings, secrets: SecretsClient) -> sa.URL:
    url = parse(settings.database_url)
    if url.get_backend_name() != "postgresql":
        raise Misconfigured("PIECEWISE_DATABASE_URL must be postgresql+psycopg://host:5432/name")
    name, password = _login(settings.database_admin_secret, secrets)
    options = {**verified(url), "connect_timeout": "10", "application_name": "piecewise-migrate"}
    return url.set(username=name, password=password).update_query_dict(options)


def _login(arn: str, secrets: SecretsClient) -> tuple[str, str]:
    """Name and password of the administrator, read anew each time: RDS changes the password every week."""
    try:
        kept = json.loads(str(secrets.get_secret_value(SecretId=arn)["SecretString"]))
        return str(kept["username"]), str(kept["password"])
    except ANY_FAILURE as error:
        raise MigrationFailed(f"PIECEWISE_DATABASE_ADMIN_SECRET cannot be read ({reason(error)}): {arn}") from None
    except (KeyError, TypeError, ValueError):
        raise Misconfigured(
            f"PIECEWISE_DATABASE_ADMIN_SECRET must be JSON with username and password, as RDS keeps it: {arn}"
        ) from None
