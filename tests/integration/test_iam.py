"""IAM authentication: a real Postgres asks for a password, behind a proxy that ends TLS as RDS's does."""

from __future__ import annotations

import asyncio
import itertools
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, text

from functions.core.errors import StoreUnavailable
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.threads import on_threads
from tests.fakes.authority import Authority
from tests.fakes.wire import PostgresWire
from tests.fixtures.postgres import administer, running_server

TOKEN = "database:5432/?Action=connect&DBUser=app&X-Amz-Signature=5ec7e7"
STALE = TOKEN.replace("5ec7e7", "0" * 6)


@dataclass
class Signs:
    """A signer whose tokens are those, in order."""

    tokens: Iterator[str] = field(default_factory=lambda: itertools.repeat(TOKEN))
    asked: list[tuple[str, int, str]] = field(default_factory=list)

    def __call__(self, host: str, port: int, user: str) -> str:
        self.asked.append((host, port, user))
        return next(self.tokens)


@pytest.fixture(scope="module")
def asking_server() -> Iterator[str]:
    """URL of a server that asks the role `app` for its password, in clear text, as RDS does for a token."""
    with running_server("local all app password") as url:
        administer(url, f"CREATE ROLE app LOGIN PASSWORD '{TOKEN}'")
        yield url


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whose certificate the server has."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def front(asking_server: str, authority: Authority) -> Iterator[PostgresWire]:
    """TLS under the name localhost, in front of the server."""
    with PostgresWire.before(asking_server, authority.server("localhost")) as wire:
        yield wire


def url_of(front: PostgresWire, authority: Authority | None, host: str = "localhost") -> str:
    query = f"?sslrootcert={authority.file}" if authority else ""
    return f"postgresql+psycopg://app@{host}:{front.port}/postgres{query}"


def ask(url: str, sign: Signs, *, turns: int = 1) -> list[bool]:
    """Whether TLS was in use, of so many transactions at once."""

    def tls(connection: Connection) -> bool:
        connection.execute(text("SELECT 1"))
        driver = connection.connection.driver_connection
        assert driver
        return bool(driver.pgconn.ssl_in_use)

    engines = make_engines(url, pool_size=turns, sign=sign)
    database = Database(engines, on_threads(turns, "iam"), tries=1)

    async def together() -> list[bool]:
        return [await database.read(tls) for _ in range(turns)]

    try:
        return asyncio.run(together())
    finally:
        engines.dispose()


def test_the_token_is_the_password_and_the_way_is_encrypted(front: PostgresWire, authority: Authority) -> None:
    sign = Signs()
    assert ask(url_of(front, authority), sign) == [True]
    assert sign.asked == [("localhost", front.port, "app")]


def test_a_token_is_made_for_a_connection_and_not_for_a_transaction(front: PostgresWire, authority: Authority) -> None:
    sign = Signs(tokens=iter([TOKEN, "a second one would be wrong"]))
    assert ask(url_of(front, authority), sign, turns=3) == [True] * 3
    assert len(sign.asked) == 1


def test_a_token_of_its_own_for_each_connection(front: PostgresWire, authority: Authority) -> None:
    sign = Signs()
    engines = make_engines(url_of(front, authority), pool_size=2, sign=sign)
    with engines.write.connect(), engines.write.connect():
        assert len(sign.asked) == 2
    engines.dispose()


def test_a_token_that_is_refused_is_a_line_without_the_token(
    front: PostgresWire, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreUnavailable, match="refused the user's password or token") as refused:
        ask(url_of(front, authority), Signs(tokens=iter([STALE])))
    whole = "".join(traceback.format_exception(refused.value))
    assert STALE not in whole + caplog.text + repr(refused.value.__cause__)


@pytest.mark.parametrize(
    ("host", "known", "says"),
    [
        ("127.0.0.1", True, "its certificate is another host's"),
        ("localhost", False, "signed by no authority of sslrootcert"),  # with the file of RDS's authorities
    ],
)
def test_a_server_that_is_not_the_one_gets_no_token(
    front: PostgresWire, authority: Authority, host: str, known: bool, says: str
) -> None:
    with pytest.raises(StoreUnavailable, match=says):
        ask(url_of(front, authority if known else None, host), Signs())
    assert "p" not in [kind for kind, _ in front.sent]


def test_a_server_without_tls_gets_no_token(asking_server: str, authority: Authority) -> None:
    with PostgresWire.before(asking_server) as plain:
        with pytest.raises(StoreUnavailable, match="does not speak TLS"):
            ask(url_of(plain, authority), Signs())
        assert plain.sent == []
