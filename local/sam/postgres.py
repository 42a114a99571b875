"""A Postgres server at an address of one's choice, for as long as it is wanted; nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from local.postgres import PostgresServer, temporary_postgres

_ACCESS = ("local all all trust", "host all all all scram-sha-256")


@contextmanager
def reachable_postgres(url: str) -> Iterator[PostgresServer]:
    """An empty server whose superuser, with password, and address are those of `url`. Raises Misconfigured."""
    at = sa.make_url(url)
    with temporary_postgres(address=at.host or "", port=at.port or 5432, access=_ACCESS) as server:
        engine = sa.create_engine(server.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER ROLE {at.username} PASSWORD '{at.password}'")
        yield server
