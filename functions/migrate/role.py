"""The role that the functions log in as: the rows of our tables, and nothing else."""

from __future__ import annotations

import sqlalchemy as sa

from functions.core.store.tables import metadata

_ROWS = "SELECT, INSERT, UPDATE, DELETE"
_EXISTS = sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :name")
_HERE = sa.text("SELECT current_database(), current_schema()")
_IAM = "rds_iam"  # on RDS and Aurora: who has it logs in with a token, never with a password


def make_role(connection: sa.Connection, name: str) -> None:
    """Make the role if it is not there, and give it what it needs; a second time changes nothing."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    role = quote(name)
    database, schema = (quote(each) for each in connection.execute(_HERE).one())
    tables = ", ".join(quote(table) for table in sorted(metadata.tables))
    statements = [
        f"GRANT CONNECT ON DATABASE {database} TO {role}",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT {_ROWS} ON {tables} TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {_ROWS} ON TABLES TO {role}",
        f"REVOKE ALL ON alembic_version FROM {role}",
    ]
    if connection.scalar(_EXISTS, {"name": _IAM}):
        statements.insert(0, f"GRANT {_IAM} TO {role}")
    if not connection.scalar(_EXISTS, {"name": name}):
        statements.insert(0, f"CREATE ROLE {role} LOGIN")
    for statement in statements:
        connection.exec_driver_sql(statement)
