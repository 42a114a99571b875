"""Engines: how this project talks to SQLite and to Postgres. Nothing connects until the first transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from functions.core.errors import Misconfigured
from functions.core.store import iam

_BUSY_MS = 5_000  # four tries of it are shorter than an API Gateway waits
READ_ONLY = "25006"  # SQLSTATE: read_only_sql_transaction


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for what writes and one for what reads; on Postgres they are the same."""

    write: Engine
    read: Engine

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.write.dispose()
        self.read.dispose()


def wall_clock() -> int:
    """This machine's time in milliseconds."""
    return time.time_ns() // 1_000_000


def make_engines(
    url: str, *, pool_size: int, clock: Callable[[], int] = wall_clock, sign: iam.Signer | None = None
) -> Engines:
    """The engines for `sqlite:///…` or `postgresql+psycopg://…`; `clock` is SQLite's. Raises Misconfigured.

    With `sign` every connection to Postgres is opened with a token instead of a password, over verified TLS.
    """
    parsed = parse(url)
    if sign:
        iam.check(parsed)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return Engines(
            write=_sqlite(url, "BEGIN IMMEDIATE", pool_size, clock),
            read=_sqlite(url, "BEGIN", pool_size, clock, query_only=True),
        )
    if backend == "postgresql" and parsed.get_driver_name() == "psycopg":
        engine = _postgres(parsed, pool_size, sign)
        return Engines(write=engine, read=engine)
    raise Misconfigured(f"PIECEWISE_DATABASE_URL names {parsed.drivername}; use sqlite or postgresql+psycopg")


def parse(url: str) -> URL:
    """The URL's parts. Raises Misconfigured, without repeating it: it may hold a password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise Misconfigured(
            "PIECEWISE_DATABASE_URL is not a database URL (sqlite:///… or postgresql+psycopg://…)"
        ) from None


def _postgres(url: URL, pool_size: int, sign: iam.Signer | None) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,  # reads, and the renewal of leases, never wait for a long write
        hide_parameters=True,  # results and instructions are never logged
        pool_pre_ping=True,
        pool_recycle=300,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # or three round trips more before a cold start's first statement
        connect_args={
            "prepare_threshold": None,  # RDS Proxy pins a session on PREPARE
            "connect_timeout": 3,  # for each address of the host; four tries of two are less than an API waits
            "application_name": "piecewise",
            # a server that is gone without a word is noticed, and notices us
            "keepalives_idle": 30,
            "tcp_user_timeout": 20_000,
            **(iam.verified(url) if sign else {}),
        },
    )
    if sign:
        iam.sign_connections(engine, sign)

    @event.listens_for(engine, "handle_error")
    def _failed_over(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True  # this connection leads to what is a reader now

    return engine


def _sqlite(url: str, begin: str, pool_size: int, clock: Callable[[], int], *, query_only: bool = False) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,  # what a file gets anyway; a shared database in memory is one too
        pool_size=pool_size,
        max_overflow=1,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # the driver would open deferred transactions behind our back
        dbapi.create_function("piecewise_now", 0, clock)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY_MS}", "foreign_keys=ON"):
            dbapi.execute(f"PRAGMA {pragma}")
        if query_only:
            dbapi.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
