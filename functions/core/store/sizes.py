"""How many bytes a text has in UTF-8, as SQL. Postgres knows it without reading a long one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class octets(FunctionElement[int]):  # noqa: N801 (SQLAlchemy's own functions are lower case too)
    """The bytes of a text; NULL of NULL."""

    type = BigInteger()
    inherit_cache = True


@compiles(octets, "postgresql")
def _postgres(element: octets, compiler: Any, **kw: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **kw)})"


@compiles(octets, "sqlite")
def _sqlite(element: octets, compiler: Any, **kw: Any) -> str:
    # before 3.43 it has no octet_length
    return f"length(CAST({compiler.process(element.clauses, **kw)} AS BLOB))"
