"""What a migration does, without a database: may the code of the revision before it go on beside it?"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations, ops


def narrows(upgrade: Callable[[], object]) -> list[str]:
    """Why code that knows nothing of this migration could fail after it; empty when it only adds.

    Nothing is done: what the migration asks of `alembic.op` is written down.
    """
    told: list[MigrateOperation] = []
    nowhere = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": io.StringIO()}
    )
    with Operations.context(nowhere) as operations:
        vars(operations).update(invoke=told.append, get_bind=_past_the_record, batch_alter_table=_past_the_record)
        upgrade()
    return [reason for operation in told for reason in _reasons(operation)]


def _past_the_record(*_: object, **__: object) -> None:
    raise AssertionError("a migration must say what it does, not work on the connection or in a batch")


def _reasons(operation: MigrateOperation) -> Iterator[str]:
    match operation:
        case ops.CreateTableOp():
            table = operation.to_table()
            for key in table.foreign_keys:
                if key.ondelete not in ("CASCADE", "SET NULL"):
                    yield f"{table.name}.{key.parent.name} would keep the rows that it points at from being deleted"
        case ops.AddColumnOp():
            yield from _column_reasons(operation.table_name, operation.column)
        case ops.CreateIndexOp():
            if operation.unique:
                yield f"{operation.index_name} would refuse rows that are written now"
        case _:
            yield f"{type(operation).__name__.removesuffix('Op')} is none of: create table, add column, create index"


def _column_reasons(table: str, column: sa.Column[Any]) -> Iterator[str]:
    where = f"{table}.{column.name}"
    if not column.nullable and column.server_default is None:
        yield f"{where} would refuse rows without it: make it nullable or give it a server_default"
    if column.unique or column.primary_key or column.foreign_keys or column.constraints:
        yield f"{where} would refuse rows that are written now"
