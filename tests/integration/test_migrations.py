"""Migrations on real databases: from nothing, from the replaced service's rows, and back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from functions.core.errors import Misconfigured
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.results import error_summary
from functions.core.store.tables import chunks, jobs, metadata
from migrations.__main__ import main
from migrations.legacy import BLOCK
from migrations.upgrade import current, downgrade, upgrade

OLD = [  # (id, raw_text, analysis_result)
    (1, "plain", "a result"),
    (2, "Größe 漢字 \u0301e", "größer"),
    (5, "line\r\nline\r\n", "two lines\r\n"),
    (7, "👩‍👩‍👧‍👦 🇩🇪", "🙂"),
    (8, "", "of an empty text"),
    (9, None, "of no text at all"),
    (10, "no result", None),
    (11, None, None),
    (12, "an empty result", ""),
    (40, "long ü " * 300_000, "long 🙂 " * 300_000),
    (2_000_000_000, "a large id", "x"),
]
TABLES = ("analysis_jobs", "chunk_records", "legacy_documents", "alembic_version")


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(url: str, query: str | sa.Select[Any]) -> list[dict[str, Any]]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        statement = sa.text(query) if isinstance(query, str) else query
        return [dict(row) for row in connection.execute(statement).mappings()]


def old_table() -> sa.Table:
    return sa.Table(
        "analysis_jobs",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("raw_text", sa.Text),
        sa.Column("analysis_result", sa.Text),
    )


def fill(url: str, old: list[tuple[int, str | None, str | None]]) -> None:
    """A database as the replaced service leaves it: it knows nothing of revisions."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    table = old_table()
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(
            sa.insert(table), [{"id": i, "raw_text": text, "analysis_result": result} for i, text, result in old]
        )


def old_rows(url: str, table: str = "analysis_jobs") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows(url, f"SELECT id, raw_text, analysis_result FROM {table} ORDER BY id")]


def index_of(index: Any) -> tuple[Any, ...]:
    """An index's name, columns, and its condition, which each dialect keeps under a name of its own."""
    where = [str(value) for name, value in index["dialect_options"].items() if name.endswith("_where")]
    return index["name"], index["column_names"], bool(index["unique"]), where


def shape(url: str) -> dict[str, Any]:
    """Every table, column, key and index of a database, but for Alembic's own."""
    there = sa.inspect(sa.create_engine(url, poolclass=sa.NullPool))
    return {
        name: {
            # in the order of their names: a column that was added later stands at the end
            "columns": sorted(
                ({**column, "type": repr(column["type"])} for column in there.get_columns(name)),
                key=lambda column: str(column["name"]),
            ),
            "key": there.get_pk_constraint(name),
            "foreign keys": there.get_foreign_keys(name),
            "indexes": sorted(index_of(index) for index in there.get_indexes(name)),
        }
        for name in there.get_table_names()
        if name != "alembic_version"
    }


def job_of(url: str, old_id: int) -> dict[str, Any]:
    (job,) = rows(url, sa.select(jobs).where(jobs.c.document_key == f"legacy/{old_id}"))
    return job


def chunk_of(url: str, old_id: int) -> dict[str, Any]:
    (chunk,) = rows(url, sa.select(chunks).where(chunks.c.job_id == job_of(url, old_id)["job_id"]))
    return chunk


# -- tables


def test_the_migrations_make_what_the_tables_say(database_url: str) -> None:
    upgrade(database_url)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_every_key_index_and_default_is_as_the_tables_say(database_url: str) -> None:
    upgrade(database_url)
    migrated = shape(database_url)
    run(database_url, *(f"DROP TABLE {table.name}" for table in reversed(metadata.sorted_tables)))
    metadata.create_all(sa.create_engine(database_url, poolclass=sa.NullPool))
    assert migrated == shape(database_url)


def test_an_sqlite_file_is_made_in_wal_mode(fresh_sqlite: str) -> None:
    upgrade(fresh_sqlite)
    assert rows(fresh_sqlite, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]


# -- revisions


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    fill(database_url, OLD)
    assert current(database_url) is None
    upgrade(database_url)
    before = rows(database_url, sa.select(jobs).order_by(jobs.c.job_id))
    upgrade(database_url)
    assert current(database_url) == "0003"
    assert rows(database_url, sa.select(jobs).order_by(jobs.c.job_id)) == before


def test_processes_at_once_make_one_migration(database_url: str) -> None:
    fill(database_url, OLD)
    command = [sys.executable, "-m", "migrations", "upgrade", "--database-url", database_url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate() for process in started] == [("0003\n", "")] * 3
    assert len(rows(database_url, sa.select(jobs.c.job_id))) == len(OLD)


def test_threads_may_migrate_different_databases_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(number)}.db" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, urls))
    assert [current(url) for url in urls] == ["0003"] * 4


def test_all_the_way_down_from_an_empty_database(database_url: str) -> None:
    upgrade(database_url)
    downgrade(database_url, revision="base")
    assert shape(database_url) == {}
    assert current(database_url) is None


def test_the_last_step_down_refuses_to_lose_rows(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    with pytest.raises(Misconfigured, match=f"analysis_jobs holds {len(OLD)} rows"):
        downgrade(database_url, revision="base")
    assert current(database_url) == "0003"


def test_a_strangers_table_is_refused(database_url: str) -> None:
    run(database_url, "CREATE TABLE analysis_jobs (id integer primary key, name text)")
    before = shape(database_url)
    with pytest.raises(Misconfigured, match="without analysis_result, raw_text"):
        upgrade(database_url)
    assert shape(database_url) == before


def test_a_migration_that_breaks_at_its_very_end_has_not_happened(database_url: str) -> None:
    fill(database_url, OLD)
    run(database_url, "CREATE TABLE other (id integer)", "CREATE INDEX ix_chunks_failed ON other (id)")
    before = shape(database_url)
    with pytest.raises(sa.exc.DBAPIError, match="ix_chunks_failed"):
        upgrade(database_url)
    assert shape(database_url) == before
    assert old_rows(database_url) == OLD
    assert current(database_url) is None
    run(database_url, "DROP TABLE other")
    upgrade(database_url)
    assert old_rows(database_url, "legacy_documents") == OLD


READ_ONLY = """
import errno, os, sys
root, url = sys.argv[1:]

def refuse(event, args):
    writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (writes or event in ("os.mkdir", "os.remove", "os.rename")) and str(args[0]).startswith(root):
        raise OSError(errno.EROFS, "read-only")

sys.addaudithook(refuse)  # root writes anywhere, whatever the permissions say
from migrations.upgrade import revisions, upgrade
assert sys.modules["migrations"].__file__.startswith(root)
upgrade(url)
print(revisions()[0])
"""


def test_the_migrations_run_from_a_folder_that_cannot_be_written_to(fresh_sqlite: str, tmp_path: Path) -> None:
    artifact = tmp_path / "task"
    for folder in ("functions", "migrations"):
        shutil.copytree(Path(__file__).parents[2] / folder, artifact / folder, ignore=shutil.ignore_patterns("*.pyc"))
    command = [sys.executable, "-c", READ_ONLY, str(artifact), fresh_sqlite]
    environment = {**os.environ, "PYTHONPATH": str(artifact)}
    ran = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("0003\n", "")
    assert current(fresh_sqlite) == "0003"
    assert not list(artifact.rglob("*.pyc"))


# -- rows


def test_a_row_with_a_result_is_a_completed_job(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    for old_id, text, result in OLD:
        if result is None:
            continue
        job, chunk = job_of(database_url, old_id), chunk_of(database_url, old_id)
        chars, octets = len(text or ""), len((text or "").encode())
        assert (job["status"], job["analysis_result"]) == (JobStatus.COMPLETED, result)
        assert job["result_bytes"] == len(result.encode())
        assert (job["total_chunks"], job["chunks_completed"], job["chunks_failed"]) == (1, 1, 0)
        assert (job["document_chars"], job["document_bytes"]) == (chars, octets)
        assert (job["model"], job["max_chunk_chars"], job["max_attempts"]) == ("legacy", max(1, chars), 3)
        assert job["error_code"] is job["error_message"] is job["error_summary"] is None
        assert (chunk["chunk_index"], chunk["status"], chunk["result"]) == (0, ChunkStatus.COMPLETED, result)
        assert (chunk["char_start"], chunk["char_end"]) == (0, chars)
        assert (chunk["byte_start"], chunk["byte_end"]) == (0, octets)
        assert chunk["attempts"] == 1


@pytest.mark.parametrize(("old_id", "length"), [(10, 9), (11, 0)])
def test_a_row_without_a_result_is_a_failed_job(database_url: str, old_id: int, length: int) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    job, chunk = job_of(database_url, old_id), chunk_of(database_url, old_id)
    assert (job["status"], job["error_code"], job["analysis_result"]) == (JobStatus.FAILED, "legacy_no_result", None)
    assert (job["total_chunks"], job["chunks_completed"], job["chunks_failed"]) == (1, 0, 1)
    assert job["error_summary"] == error_summary(1, 1, [("legacy_no_result", 1, [0])])
    assert (chunk["status"], chunk["error_code"], chunk["attempts"]) == (ChunkStatus.FAILED, "legacy_no_result", 1)
    assert (chunk["result"], chunk["char_end"], chunk["byte_end"]) == (None, length, length)


def test_job_ids_are_proper_and_sort_as_the_old_ids_do(database_url: str) -> None:
    fill(database_url, [(number, str(number), "r") for number in range(1, 2 * BLOCK + 2)])
    upgrade(database_url)
    got = rows(database_url, sa.select(jobs.c.job_id, jobs.c.document_key).order_by(jobs.c.job_id))
    assert [row["document_key"] for row in got] == [f"legacy/{number}" for number in range(1, 2 * BLOCK + 2)]
    assert {len(row["job_id"]) for row in got} == {30}
    assert len({row["job_id"] for row in got}) == len(got) == len(rows(database_url, sa.select(chunks.c.job_id)))


def test_times_are_those_of_the_migration(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    (times,) = rows(
        database_url,
        sa.select(jobs.c.created_at, jobs.c.started_at, jobs.c.updated_at, jobs.c.finished_at).distinct(),
    )
    assert len(set(times.values())) == 1
    assert {row["finished_at"] for row in rows(database_url, sa.select(chunks.c.finished_at))} == {times["created_at"]}


def test_old_rows_belong_to_the_legacy_owner(database_url: str) -> None:
    fill(database_url, OLD[:2])
    upgrade(database_url, legacy_owner="archive-team")
    assert {row["owner"] for row in rows(database_url, sa.select(jobs.c.owner))} == {"archive-team"}


@pytest.mark.parametrize("owner", ["", "x" * 256])
def test_an_impossible_owner_is_refused(fresh_sqlite: str, owner: str) -> None:
    with pytest.raises(Misconfigured, match="legacy owner must have 1 to 255 characters"):
        upgrade(fresh_sqlite, legacy_owner=owner)


def test_what_only_sqlite_can_hold_is_measured_exactly_and_made_storable(fresh_sqlite: str) -> None:
    with sqlite3.connect(fresh_sqlite.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE analysis_jobs (id integer primary key, raw_text text, analysis_result text)")
        connection.execute("INSERT INTO analysis_jobs VALUES (1, ?, ?)", ("a\0ü\0", "r\0ü"))
        connection.execute("INSERT INTO analysis_jobs VALUES (2, 'a', CAST(x'61EDA08062' AS TEXT))")  # a, U+D800, b
    connection.close()
    upgrade(fresh_sqlite)
    assert (job_of(fresh_sqlite, 1)["document_chars"], job_of(fresh_sqlite, 1)["document_bytes"]) == (4, 5)
    assert chunk_of(fresh_sqlite, 1)["result"] == "r\ufffdü"
    assert job_of(fresh_sqlite, 1)["result_bytes"] == len("r\ufffdü".encode())
    assert job_of(fresh_sqlite, 2)["analysis_result"] == "a\ufffd\ufffd\ufffdb"
    downgrade(fresh_sqlite)
    assert rows(fresh_sqlite, "SELECT hex(analysis_result) AS raw FROM analysis_jobs") == [
        {"raw": "7200C3BC"},
        {"raw": "61EDA08062"},
    ]


# -- and back


def test_up_and_down_gives_the_old_database_back(database_url: str) -> None:
    fill(database_url, OLD)
    before = shape(database_url)
    upgrade(database_url)
    downgrade(database_url)
    assert shape(database_url) == before
    assert old_rows(database_url) == OLD
    assert current(database_url) == "0001"
    upgrade(database_url)
    assert len(rows(database_url, sa.select(chunks.c.job_id))) == len(OLD)


def test_new_ids_go_on_after_the_way_back(fresh_postgres: str) -> None:
    run(
        fresh_postgres,
        "CREATE TABLE analysis_jobs (id serial primary key, raw_text text, analysis_result text)",
        "INSERT INTO analysis_jobs (raw_text) VALUES ('a'), ('b')",
    )
    upgrade(fresh_postgres)
    downgrade(fresh_postgres)
    run(fresh_postgres, "INSERT INTO analysis_jobs (raw_text) VALUES ('c')")
    assert old_rows(fresh_postgres)[-1] == (3, "c", None)


def add_new_job(url: str) -> None:
    run(
        url,
        "INSERT INTO analysis_jobs (job_id, owner, status, model, max_chunk_chars, max_attempts, document_key, "
        "document_chars, document_bytes, created_at, updated_at) "
        "VALUES ('new1', 'o', 'PROCESSING', 'local', 9, 3, 'documents/new1', 1, 1, 0, 0)",
        "INSERT INTO chunk_records (job_id, chunk_index, status, char_start, char_end, byte_start, byte_end) "
        "VALUES ('new1', 0, 'PENDING', 0, 1, 0, 1)",
    )


def test_the_way_back_refuses_to_lose_new_jobs(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    add_new_job(database_url)
    with pytest.raises(Misconfigured, match="1 jobs are newer") as refusal:
        downgrade(database_url)
    assert "\n" not in str(refusal.value)
    assert current(database_url) == "0003"
    assert old_rows(database_url, "legacy_documents") == OLD
    downgrade(database_url, drop_new_jobs=True)
    assert old_rows(database_url) == OLD


def add_upload(url: str, *, job: bool) -> None:
    """An upload, what else only 0003 knows, and a job of the upload, half planned."""
    run(
        url,
        "INSERT INTO documents (document_id, owner, object_key, content_type, bytes, etag, jobs, created_at, "
        "expires_at) VALUES ('up1', 'o', 'uploads/up1', 'text/plain', 9, 'e', 1, 0, 1)",
        "INSERT INTO idempotency_keys VALUES ('o', 'k', 'up-job', 'f', 0)",
        "INSERT INTO deletions VALUES ('documents/gone', NULL, 'u', 0)",
    )
    if job:
        run(
            url,
            "INSERT INTO analysis_jobs (job_id, owner, status, model, max_chunk_chars, max_attempts, document_key, "
            "document_id, document_etag, document_skip, document_encoding, document_chars, document_bytes, plan_chunk, "
            "created_at, updated_at) "
            "VALUES ('up-job', 'o', 'PROCESSING', 'local', 9, 3, 'uploads/up1', 'up1', 'e', 3, 'utf-8', 0, 6, 1, 0, 0)",
            "INSERT INTO chunk_records (job_id, chunk_index, status, char_start, char_end, byte_start, byte_end, "
            "sha256) VALUES ('up-job', 0, 'PENDING', 0, 1, 0, 1, 'h')",
        )


def common(url: str) -> list[list[dict[str, Any]]]:
    """Jobs and chunks, in what both revisions have of them."""
    return [
        rows(url, f"SELECT {', '.join(sorted(names))} FROM {table} ORDER BY job_id") for table, names in OF_0002.items()
    ]


ADDED = {"document_id", "document_etag", "document_version", "document_skip", "document_encoding", "transcode_upload"}
ADDED |= {"overlap_chars", "records_bytes"}
OF_0002 = {
    "analysis_jobs": {column.name for column in jobs.c} - ADDED,
    "chunk_records": {column.name for column in chunks.c} - {"sha256"},
}


def test_the_third_revision_keeps_every_row_on_its_way_up_down_and_up_again(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url, revision="0002")
    add_new_job(database_url)
    before, at_0002 = common(database_url), shape(database_url)

    upgrade(database_url)
    assert common(database_url) == before
    new = rows(database_url, sa.select(jobs).where(jobs.c.job_id == "new1"))[0]
    assert (new["document_encoding"], new["document_skip"], new["overlap_chars"]) == ("utf-8", 0, 0)
    add_upload(database_url, job=False)

    downgrade(database_url, revision="0002")
    assert (common(database_url), shape(database_url)) == (before, at_0002)
    upgrade(database_url)
    assert common(database_url) == before
    assert rows(database_url, "SELECT * FROM documents") == rows(database_url, "SELECT * FROM deletions") == []


def test_the_way_back_refuses_to_lose_jobs_of_uploads(database_url: str) -> None:
    upgrade(database_url)
    add_new_job(database_url)
    add_upload(database_url, job=True)

    with pytest.raises(Misconfigured, match="1 jobs analyse uploads") as refusal:
        downgrade(database_url, revision="0002")

    assert "\n" not in str(refusal.value)
    assert current(database_url) == "0003"
    downgrade(database_url, revision="0002", drop_new_jobs=True)
    assert [row["job_id"] for table in common(database_url) for row in table] == ["new1", "new1"]


def test_a_retried_old_document_takes_its_result_home(database_url: str) -> None:
    fill(database_url, OLD)
    upgrade(database_url)
    run(
        database_url,
        "UPDATE analysis_jobs SET run = 2, status = 'COMPLETED', analysis_result = 'at last' "
        "WHERE document_key = 'legacy/10'",
    )
    downgrade(database_url)
    assert old_rows(database_url) == [(i, text, "at last" if i == 10 else result) for i, text, result in OLD]


# -- the command line


def test_the_command_line_goes_up_and_down(fresh_sqlite: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(fresh_sqlite, OLD[:1])
    at = ["--database-url", fresh_sqlite]
    assert [main(["current", *at]), main(["upgrade", *at, "-x", "legacy_owner=ann"])] == [0, 0]
    assert job_of(fresh_sqlite, 1)["owner"] == "ann"
    add_new_job(fresh_sqlite)
    assert [main(["downgrade", *at]), main(["downgrade", *at, "-x", "drop_new_jobs=yes"])] == [1, 0]
    said = capsys.readouterr()
    assert said.out == "no revision\n0003\n0001\n"
    assert said.err.count("\n") == 1
    assert "-x drop_new_jobs=yes" in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["upgrade"], "PIECEWISE_DATABASE_URL is not set"),
        (["upgrade", "--database-url", "sqlite:////no/such/directory/at/all.db"], "unable to open database file"),
        (["upgrade", "--database-url", "sqlite:///{}", "-x", "owner=me"], "-x takes legacy_owner=VALUE"),
        (["upgrade", "0009", "--database-url", "sqlite:///{}"], "0009"),
        (["current", "--database-url", "no url"], "Could not parse SQLAlchemy URL"),
    ],
)
def test_the_command_line_refuses_in_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PIECEWISE_DATABASE_URL", raising=False)
    assert main([argument.format(tmp_path / "piecewise.db") for argument in arguments]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
