"""The database that a stack is told to use, on SQLite and on Postgres."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from functions.core.errors import Misconfigured
from local.database import reach, usable_url
from local.tables import prepare
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


def tables(url: str) -> list[str]:
    return sorted(sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names())


def test_a_database_belongs_to_the_first_state_directory_that_claims_it(
    database_url: str, home: Path, tmp_path: Path
) -> None:
    prepare(database_url, home)
    prepare(database_url, home)
    with pytest.raises(Misconfigured, match=f"^the database .* belongs to the state directory {home}, where"):
        prepare(database_url, directory(tmp_path, "another"))


def test_a_state_directory_that_was_moved_keeps_its_database(database_url: str, home: Path, tmp_path: Path) -> None:
    prepare(database_url, home)
    prepare(database_url, home.rename(tmp_path / "moved"))


def test_of_many_that_claim_it_at_once_one_gets_it(database_url: str, tmp_path: Path) -> None:
    def tries(name: str) -> bool:
        try:
            prepare(database_url, directory(tmp_path, name))
        except Misconfigured:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(tries, "abcdef")) == [False] * 5 + [True]


def test_a_deployments_database_is_refused_even_before_its_first_job(database_url: str, home: Path) -> None:
    upgrade(database_url)
    before = tables(database_url)
    with pytest.raises(Misconfigured, match=r"^the database of PIECEWISE_DATABASE_URL is a deployment's"):
        prepare(database_url, home)
    assert tables(database_url) == before


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        (["f00d"], "^the database of PIECEWISE_DATABASE_URL is at revision f00d, which is another program's"),
        (["f00d", "beef"], r"PIECEWISE_DATABASE_URL .* more than one head .*: name an empty database"),
    ],
)
def test_another_programs_database_is_refused_and_left_as_it_is(
    database_url: str, home: Path, versions: list[str], words: str
) -> None:
    execute(database_url, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    execute(database_url, *(f"INSERT INTO alembic_version VALUES ('{version}')" for version in versions))
    for state in (home, None):
        with pytest.raises(Misconfigured, match=words) as refused:
            prepare(database_url, state)
        assert "\n" not in str(refused.value)
    assert tables(database_url) == ["alembic_version"]


def test_a_user_that_may_make_no_tables_is_one_line_with_the_way_out(fresh_postgres: str, home: Path) -> None:
    reader = f"reader_{uuid.uuid4().hex}"
    administer(fresh_postgres, f"CREATE ROLE {reader} LOGIN PASSWORD 'secret'")
    url = sa.make_url(fresh_postgres).set(username=reader, password="secret").render_as_string(hide_password=False)
    for state in (home, None):
        with pytest.raises(Misconfigured) as refused:
            prepare(url, state)
        words = str(refused.value)
        assert words.startswith("cannot use the database of PIECEWISE_DATABASE_URL (postgresql+psycopg://")
        assert words.endswith(
            ": permission denied for schema public: name an empty database whose user may make tables in it"
        )
        assert "secret" not in words
    administer(fresh_postgres, f"DROP ROLE {reader}")


def test_the_replaced_services_database_is_welcome(database_url: str, home: Path) -> None:
    execute(database_url, "CREATE TABLE analysis_jobs (id INTEGER PRIMARY KEY, raw_text TEXT, analysis_result TEXT)")
    execute(database_url, "INSERT INTO analysis_jobs VALUES (1, 'Call me Ishmael.', 'a whale')")
    prepare(database_url, home)
    prepare(database_url, home)


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
