"""The database's clock as SQL: milliseconds since 1970-01-01 UTC.

Postgres answers with `clock_timestamp()`, the wall clock of the one server every worker shares. SQLite has no server:
there `piecewise_now()` is a function that the engine registers, so that a simulation can hand in a clock of its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class now(FunctionElement[int]):  # noqa: N801 (SQLAlchemy's own functions are lower case too)
    """The current time, in SQL."""

    type = BigInteger()
    inherit_cache = True


@compiles(now, "postgresql")
def _postgres(element: now, compiler: Any, **kw: Any) -> str:  # noqa: ARG001
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: Any, **kw: Any) -> str:  # noqa: ARG001
    return "piecewise_now()"
