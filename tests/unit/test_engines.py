"""Engines: a database in memory that both share, and what Postgres and IAM authentication are asked for."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from sqlalchemy import text

from functions.core.errors import Misconfigured, StoreUnavailable
from functions.core.settings import Settings
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.store.iam import CERTIFICATES, make_signer, verified
from functions.core.threads import inline
from functions.core.wiring import make_store
from tests.fakes.stage import SETTINGS

URL = "sqlite:///file:shared-by-engines?mode=memory&cache=shared&uri=true"


def test_what_one_engine_writes_into_a_shared_memory_the_other_reads() -> None:
    engines = make_engines(URL, pool_size=2, clock=lambda: 1_234)
    database = Database(engines, inline)

    async def write_and_read() -> int:
        await database.write(lambda c: c.execute(text("CREATE TABLE seen (at INTEGER)")))
        await database.write(lambda c: c.execute(text("INSERT INTO seen VALUES (piecewise_now())")))
        return await database.read(lambda c: int(c.execute(text("SELECT at FROM seen")).scalar_one()))

    with closing(sqlite3.connect("file:shared-by-engines?mode=memory&cache=shared", uri=True)):  # keeps it alive
        assert asyncio.run(write_and_read()) == 1_234
        engines.dispose()


@pytest.mark.parametrize("driver", ["postgresql+psycopg2", "postgresql+asyncpg", "mysql+pymysql"])
def test_a_database_that_cannot_be_spoken_to_is_named(driver: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(f"PIECEWISE_DATABASE_URL names {driver};")):
        make_engines(f"{driver}://user@host/name", pool_size=1)


# -- IAM authentication

AT_RDS = "postgresql+psycopg://app@db.example.eu-west-1.rds.amazonaws.com/piecewise"


def no_token(host: str, port: int, user: str) -> str:
    raise AssertionError("nothing is signed before the first connection")


def test_a_token_is_signed_for_host_port_and_user_and_lives_for_15_minutes() -> None:
    sign = make_signer(boto3.Session("AKIDEXAMPLE", "secret", region_name="eu-west-1"))
    token = urlsplit("//" + sign("db.example", 5432, "app"))
    asked = parse_qs(token.query)
    assert (token.hostname, token.port) == ("db.example", 5432)
    assert (asked["Action"], asked["DBUser"], asked["X-Amz-Expires"]) == (["connect"], ["app"], ["900"])
    assert asked["X-Amz-Credential"][0].endswith("/eu-west-1/rds-db/aws4_request")


def test_tls_with_a_known_authority_is_the_default_and_the_url_may_name_another_file() -> None:
    assert make_engines(AT_RDS, pool_size=1, sign=no_token).write.url.password is None
    url = make_engines(AT_RDS, pool_size=1).write.url
    assert (verified(url)["sslmode"], verified(url)["sslrootcert"]) == ("verify-full", str(CERTIFICATES))
    other = url.update_query_dict({"sslrootcert": "/opt/ca.pem"})
    assert verified(other)["sslrootcert"] == "/opt/ca.pem"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql+psycopg://app:hunter2@db/piecewise", "take the one out of PIECEWISE_DATABASE_URL"),
        ("postgresql+psycopg://app:@db/piecewise", "take the one out of PIECEWISE_DATABASE_URL"),
        (AT_RDS + "?password=hunter2", "take the one out of PIECEWISE_DATABASE_URL"),
        (AT_RDS + "?sslmode=require", "sslmode=verify-full only"),
        ("postgresql+psycopg://db/piecewise", "needs a user and a host"),
        ("postgresql+psycopg://app@/piecewise?host=/run/postgres", "needs a user and a host"),
        ("sqlite:///piecewise.db", "is for postgresql"),
        ("postgresql+psycopg://app:hunter2@db:port/piecewise", "not a database URL"),
    ],
)
def test_what_iam_authentication_cannot_work_with_is_refused_in_one_line(url: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says) as refused:
        make_engines(url, pool_size=1, sign=no_token)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a region nor credentials, and nobody to ask for them."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("bare_environment")
def test_a_missing_region_is_named() -> None:
    with pytest.raises(Misconfigured, match="AWS_REGION is missing"):
        make_store(Settings.load(**SETTINGS, database_url=AT_RDS, database_auth="iam"))


@pytest.mark.usefixtures("bare_environment")
def test_without_credentials_the_database_is_away() -> None:
    sign = make_signer(boto3.Session(region_name="eu-west-1"))
    with pytest.raises(StoreUnavailable, match="could not be signed"):
        sign("db", 5432, "app")
