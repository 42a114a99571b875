"""Stale and dropped database connections are survived; a database that is away is a Retryable, never a bug."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from functions.core.errors import Misconfigured, StoreUnavailable
from functions.core.jobs import JobStatus
from functions.core.model import ChunkHint, ModelCall
from functions.core.settings import Settings
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.threads import on_threads
from functions.core.wiring import make_store
from tests.fakes.stage import SETTINGS, Stage

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def terminate_backends(url: str) -> int:
    """End every other session of the database; how many there were."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        return len(connection.execute(text(OTHERS)).all())


def test_a_postgres_backend_terminated_in_mid_job(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    job_id = stage.submit("aaaabbbbccccdddd")
    ended: list[int] = []

    async def terminate(_call: ModelCall) -> None:
        ended.append(terminate_backends(fresh_postgres))

    stage.model.during = terminate
    assert stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0)) == []
    terminate_backends(fresh_postgres)
    stage.work(ChunkHint(job_id, 2, 0), ChunkHint(job_id, 3, 0))
    terminate_backends(fresh_postgres)
    stage.deliver()

    assert sum(ended) > 0
    assert stage.job(job_id).status is JobStatus.COMPLETED
    stage.check(job_id)
    stage.close()


def test_a_connection_lost_inside_a_transaction_runs_it_again_as_a_whole(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    database = Database(stage.engines, on_threads(2, "test"))
    turns: list[int] = []

    def work(connection: object) -> int:
        turns.append(1)
        if len(turns) == 1:
            terminate_backends(fresh_postgres)
        return int(connection.execute(text("SELECT 41 + 1")).scalar_one())  # type: ignore[attr-defined]

    assert asyncio.run(database.write(work)) == 42
    assert len(turns) == 2
    stage.close()


def test_a_database_that_is_not_there_is_retryable() -> None:
    engines = make_engines("postgresql+psycopg://nobody@127.0.0.1:1/none", pool_size=1)
    database = Database(engines, on_threads(1, "test"), tries=2)

    with pytest.raises(StoreUnavailable, match="not available \\(nobody listens at that host and port\\)"):
        asyncio.run(database.read(lambda connection: connection.execute(text("SELECT 1"))))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "postgresql://app:secret@db:port/name"])
def test_a_wrong_database_url_is_one_clear_line(url: str) -> None:
    with pytest.raises(Misconfigured, match="PIECEWISE_DATABASE_URL") as refused:
        make_engines(url, pool_size=1)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("state", ["40001", "40P01", "25006", "57P01"])
def test_what_passes_runs_the_whole_transaction_again(fresh_postgres: str, state: str) -> None:
    stage = Stage.on(fresh_postgres)
    database = Database(stage.engines, on_threads(2, "test"))
    turns: list[int] = []

    def work(connection: Connection) -> int:
        connection.execute(text("CREATE TABLE IF NOT EXISTS seen (turn int)"))
        connection.execute(text("INSERT INTO seen VALUES (1)"))
        turns.append(1)
        if len(turns) == 1:
            connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"))
        return int(connection.execute(text("SELECT count(*) FROM seen")).scalar_one())

    assert asyncio.run(database.write(work)) == 1  # the first turn left nothing
    assert len(turns) == 2
    stage.close()


def test_what_does_not_pass_is_unavailable_and_what_is_a_bug_stays_one(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    database = Database(stage.engines, on_threads(2, "test"), tries=2)

    def failing(state: str) -> Callable[[Connection], object]:
        statement = text(f"DO $$ BEGIN RAISE EXCEPTION 'secret words' USING ERRCODE = '{state}'; END $$")
        return lambda connection: connection.execute(statement)

    with pytest.raises(StoreUnavailable) as gone:
        asyncio.run(database.write(failing("25006")))
    assert "secret" not in str(gone.value)
    with pytest.raises(ProgrammingError):
        asyncio.run(database.write(failing("42601")))
    stage.close()


def test_reads_go_on_while_somebody_holds_sqlite_for_writing(fresh_sqlite: str) -> None:
    Stage.on(fresh_sqlite).close()
    store = make_store(Settings.load(**SETTINGS, database_url=fresh_sqlite))
    engines = make_engines(fresh_sqlite, pool_size=1)

    async def look_while_a_write_waits() -> None:
        with engines.write.begin():
            writing = asyncio.ensure_future(store.due_hints(1))
            assert await store.job("nobody", "local") is None
            assert not writing.done()
        assert await writing == []

    asyncio.run(look_while_a_write_waits())
    engines.dispose()
