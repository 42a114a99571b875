"""The database that a stack is told to use, on SQLite and on Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from functions.core.errors import Misconfigured
from local.database import claim, reach, usable_url
from migrations.upgrade import upgrade
from tests.fixtures.postgres import administer, running_server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return directory(tmp_path, "home")


def directory(where: Path, name: str) -> Path:
    made = where / name
    made.mkdir()
    return made


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_database_belongs_to_the_first_state_directory_that_claims_it(
    database_url: str, home: Path, tmp_path: Path
) -> None:
    claim(database_url, home)
    upgrade(database_url)
    claim(database_url, home)
    with pytest.raises(Misconfigured, match=f"^the database .* belongs to the state directory {home}, where"):
        claim(database_url, directory(tmp_path, "another"))


def test_a_state_directory_that_was_moved_keeps_its_database(database_url: str, home: Path, tmp_path: Path) -> None:
    claim(database_url, home)
    claim(database_url, home.rename(tmp_path / "moved"))


def test_of_many_that_claim_it_at_once_one_gets_it(database_url: str, tmp_path: Path) -> None:
    def tries(name: str) -> bool:
        try:
            claim(database_url, directory(tmp_path, name))
        except Misconfigured:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(tries, "abcdef")) == [False] * 5 + [True]


def test_a_deployments_database_is_refused_once_it_has_a_job(database_url: str, home: Path) -> None:
    execute(database_url, "CREATE TABLE analysis_jobs (id INTEGER PRIMARY KEY, raw_text TEXT, analysis_result TEXT)")
    execute(database_url, "INSERT INTO analysis_jobs VALUES (1, 'Call me Ishmael.', 'a whale')")
    upgrade(database_url)
    with pytest.raises(Misconfigured, match="holds jobs of a deployment"):
        claim(database_url, home)


def test_the_replaced_services_database_is_welcome(database_url: str, home: Path) -> None:
    execute(database_url, "CREATE TABLE analysis_jobs (id INTEGER PRIMARY KEY, raw_text TEXT, analysis_result TEXT)")
    execute(database_url, "INSERT INTO analysis_jobs VALUES (1, 'Call me Ishmael.', 'a whale')")
    claim(database_url, home)
    upgrade(database_url)
    claim(database_url, home)


def test_a_database_that_is_there_is_reached(database_url: str) -> None:
    reach(database_url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "is not a database URL"),
        ("postgresql+psycopg://u:secret@127.0.0.1:port/x", "is not a database URL"),
        ("mysql://u:secret@127.0.0.1/x", "names mysql"),
        ("postgresql+psycopg2://u:secret@127.0.0.1/x", "names postgresql+psycopg2; use"),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/x", "Connection refused"),
        ("postgresql+psycopg://u:secret@no-such-host.invalid/x", "no-such-host.invalid"),
        ("sqlite:////no/such/directory/file.db", "unable to open database file"),
    ],
)
def test_one_that_cannot_be_used_is_one_line_naming_the_variable_and_no_password(url: str, reason: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        reach(url)
    words = str(refused.value)
    assert "PIECEWISE_DATABASE_URL" in words
    assert reason in words
    assert "\n" not in words
    assert "secret" not in words


def test_a_wrong_password_and_a_database_that_is_not_there_are_one_line_each() -> None:
    with running_server("local all guarded scram-sha-256") as url:
        administer(url, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
        wrong = sa.make_url(url).set(username="guarded", password="wrong")
        reach(wrong.set(password="right").render_as_string(hide_password=False))
        for each, reason in (
            (wrong, 'password authentication failed for user "guarded"'),
            (wrong.set(password="right", database="none"), 'database "none" does not exist'),
        ):
            with pytest.raises(Misconfigured) as refused:
                reach(each.render_as_string(hide_password=False))
            assert str(refused.value).endswith(reason)
            assert ":***@" in str(refused.value)


def test_an_sqlite_file_is_named_by_its_whole_path() -> None:
    assert usable_url("sqlite:///some.db") == f"sqlite:///{Path('some.db').absolute()}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="must name a file"):
        usable_url(url)
