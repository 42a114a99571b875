"""Transactions: run whole, run again when the database asks for it, never with anything else inside."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from functions.core.errors import StoreUnavailable
from functions.core.outcomes import full_jitter
from functions.core.ports import Runner
from functions.core.store.engines import READ_ONLY, Engines

T = TypeVar("T")

_PASSING = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    READ_ONLY,  # failed over under our feet
    "25P03",  # idle in transaction for too long
    "57P01",  # terminated by an administrator
    "57P02",  # the server crashed
    "57P03",  # the server starts
}
_KNOWN = {  # the words of libpq and of the server while connecting, in English where no locale is set, as on AWS
    "certificate verify failed": "its certificate is signed by no authority of sslrootcert",
    "does not match host name": "its certificate is another host's",
    "does not support SSL": "it does not speak TLS",
    "authentication failed": "it refused the user's password or token",
    "does not exist": "it knows no such user or database",
    "connection slots": "it has no connection left",
    "too many clients": "it has no connection left",
    "Connection refused": "nobody listens at that host and port",
    "resolve host": "no such host",
    "timeout expired": "no connection within 5 s: a route or a security group's rule is missing, or it is down",
}


class Database:
    """Runs functions of a connection as transactions, on the runner's threads.

    A transaction that met a deadlock, a serialization failure, a busy SQLite or a broken connection (its commit may or
    may not have happened) is run again as a whole: every statement in this package is guarded so that this is safe.
    """

    def __init__(
        self,
        engines: Engines,
        runner: Runner,
        *,
        reads: Runner | None = None,
        tries: int = 4,
        random: Random | None = None,
    ) -> None:
        """`reads`: threads of their own, so that no read waits behind a write that waits for SQLite's lock."""
        self._engines = engines
        self._writes = runner
        self._reads = reads or runner
        self._tries = tries
        self._random = random or Random()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The answer of `work`, committed. Raises StoreUnavailable."""
        return await self._run(self._writes, lambda: self._in(self._engines.write.begin, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The answer of `work`, which only reads. Raises StoreUnavailable.

        On SQLite its statements see one snapshot. On Postgres (READ COMMITTED) each sees what was committed when it
        began: what must fit together is read by one statement, or is such that it cannot change in between.
        """
        return await self._run(self._reads, lambda: self._in(self._engines.read.begin, work))

    async def _run(self, runner: Runner, call: Callable[[], T]) -> T:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._tries),
            wait=self._wait,
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await runner(call)
        except (DBAPIError, PoolTimeout) as error:
            if not _may_pass(error):
                raise
            raise StoreUnavailable(f"the database is not available ({_cause(error)})") from error
        raise AssertionError("tenacity ends with an answer or an exception")

    def _wait(self, state: RetryCallState) -> float:
        return full_jitter(state.attempt_number, base=0.02, cap=0.5, random=self._random)

    @staticmethod
    def _in(begin: Callable[[], object], work: Callable[[Connection], T]) -> T:
        with begin() as connection:  # type: ignore[attr-defined]
            return work(connection)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING
    return False


def _cause(error: Exception) -> str:
    """What an operator must know, in our words: the driver's can carry a row's values or a user's name."""
    original = getattr(error, "orig", error)
    said = str(original)
    known = next((ours for theirs, ours in _KNOWN.items() if theirs in said), None)
    return known or type(original).__name__
