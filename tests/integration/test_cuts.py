"""A connection that is reset, as RDS Proxy does, at every moment of every transaction of the store.

On SQLite there is no connection to lose; the simulator stops its transactions between any two statements.
"""

from __future__ import annotations

import inspect
import itertools
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, cast

import pytest
import sqlalchemy as sa

from functions.core.errors import StoreUnavailable
from functions.core.ids import job_id_of
from functions.core.model import ChunkHint
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.store.sql import SqlStore
from functions.core.store.tables import chunks, jobs, metadata
from functions.core.threads import inline
from functions.core.wiring import make_timing
from functions.reconciler.sweep import PAGE
from tests.fakes.transactions import NO, WAYS, Call, Known
from tests.fakes.wire import Cut, PostgresWire
from tests.fixtures.postgres import administer

# Run again after a commit whose answer was lost, these find nothing left to move and say so: "not I". What they would
# have sent is not lost: a lease ends, or a hint falls due. All others answer as they did the first time.
FORGETFUL = {
    *("begin_plan", "close_plan", "fail_plan", "fail_dead_plan"),
    *("claim", "park", "set_aside", "complete", "fail", "fail_dead", "fail_crashed"),
    *("begin_finalize", "rest_finalize", "finish", "due_finalizers"),
    *("end_leases", "due_hints", "due_plans", "make_pending_due", "rest_ended", "recover"),
    *("expire_job", "expire_documents", "forget_keys", "due_deletions"),
}
LONGEST = 16_384  # characters of a statement; a longer one pins too


class AtOnce(Random):
    """The jitter of a test: none."""

    def random(self) -> float:
        return 0.0

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


@dataclass
class Played:
    """What a transaction answered, what it left in the tables, and how many rounds it took."""

    answer: str
    rows: list[tuple[Any, ...]]
    rounds: int


@dataclass
class Stand:
    """An empty database, seen directly by the stage and through the wire by the store under test."""

    stage: Known
    wire: PostgresWire
    engine: sa.Engine  # by way of the wire
    store: SqlStore
    ready: tuple[str, Call, dict[sa.Table, list[dict[str, Any]]]] | None = None  # as it was prepared last

    def prepared(self, method: str) -> Call:
        """The call, with all that must be there before it, and a warm connection."""
        if self.ready is None or self.ready[0] != method:
            self.fill({})
            self.stage.numbers = itertools.count()
            self.ready = (method, WAYS[method](self.stage), self.tables())
        else:
            self.fill(self.ready[2])
        self.wire.cut = Cut(at=-1, after=False)
        self.engine.connect().close()
        return self.ready[1]

    def play(self, method: str, cut: Cut) -> Played:
        """Once, from the beginning."""
        call = self.prepared(method)
        self.wire.sent.clear()
        self.wire.cut = cut
        answer = self.stage.run(call(self.store))
        return Played(masked(repr(answer)), self.rows(), cut.seen)

    def fill(self, tables: dict[sa.Table, list[dict[str, Any]]]) -> None:
        """Have these rows and no others."""
        with self.stage.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
            for table, there in tables.items():
                if there:
                    connection.execute(sa.insert(table), there)

    def tables(self) -> dict[sa.Table, list[dict[str, Any]]]:
        """Every row of every table."""
        with self.stage.engine.begin() as connection:
            return {
                table: [
                    dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                ]
                for table in metadata.sorted_tables
            }

    def rows(self) -> list[tuple[Any, ...]]:
        """The same, of times only whether they are set."""
        return [
            tuple(value is not None if is_time(name) else value for name, value in row.items())
            for there in self.tables().values()
            for row in there
        ]


def is_time(column: str) -> bool:
    return column.endswith(("_at", "_until", "_before", "_since"))


def masked(answer: str) -> str:
    """Without times."""
    return re.sub(r"\b\d{13}\b|(?<=waiting_ms=)\d+|(?<=parked_ms=)\d+", "T", answer)


@pytest.fixture(scope="module")
def stand(postgres_url: str) -> Iterator[Stand]:
    """One for all, emptied each time."""
    name = f"test_{uuid.uuid4().hex}"
    administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    stage = cast("Known", Known.on(url, threads=1))
    with PostgresWire.before(url) as wire:
        engines = make_engines(wire.url(), pool_size=1)
        database = Database(engines, inline, random=AtOnce())
        yield Stand(stage, wire, engines.write, SqlStore(database, make_timing(stage.settings), renewals=database))
        engines.dispose()
    stage.close()
    administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def test_every_public_method_of_the_store_is_here() -> None:
    assert set(WAYS) == {name for name, _ in inspect.getmembers(SqlStore, inspect.isfunction) if name[0] != "_"}


@pytest.mark.parametrize("method", WAYS)
def test_a_reset_at_any_moment_is_survived_and_moves_nothing_twice(stand: Stand, method: str) -> None:
    clean = stand.play(method, Cut(at=-1, after=False))
    assert clean.rounds >= 4  # ping, BEGIN, a statement, COMMIT
    for at, after in itertools.product(range(clean.rounds), (False, True)):
        got = stand.play(method, Cut(at, after))
        assert stand.wire.cut.made == 1
        assert got.rows == clean.rows, (at, after)
        commit_lost = after and at == clean.rounds - 1
        assert (got.answer == clean.answer) is not (commit_lost and method in FORGETFUL), (at, after)


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("committed", [False, True])
def test_a_database_that_stays_away_is_retryable_and_leaves_all_or_nothing(
    stand: Stand, method: str, committed: bool
) -> None:
    clean = stand.play(method, Cut(at=-1, after=False))
    call = stand.prepared(method)
    before = stand.rows()
    stand.wire.cut = Cut(at=clean.rounds - 1, after=committed, for_ever=True)
    with pytest.raises(StoreUnavailable):
        stand.stage.run(call(stand.store))
    assert stand.wire.cut.made > 1
    assert stand.rows() == (clean.rows if committed else before)


# -- what would pin a session at RDS Proxy: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy-pinning.html


def test_a_connection_begins_without_anything_that_pins(stand: Stand) -> None:
    stand.wire.cut = Cut(at=-1, after=False)
    stand.wire.sent.clear()
    engines = make_engines(stand.wire.url(), pool_size=1)
    for _ in range(2):
        with engines.write.begin() as connection:
            connection.exec_driver_sql("SELECT 1")
    engines.dispose()

    start = stand.wire.start()
    assert set(start) == {"user", "database", "application_name"}  # no options, no client_encoding
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"  # not a SET of the session
    assert stand.wire.statements() == [
        *(begin, "select pg_catalog.version()", "select current_schema()"),
        *("show transaction isolation level", "show standard_conforming_strings", "ROLLBACK"),
        *(begin, "SELECT 1", "COMMIT"),
        *(";", begin, "SELECT 1", "COMMIT"),  # the ping of a connection out of the pool
    ]


@pytest.mark.parametrize("method", WAYS)
def test_no_transaction_pins_its_session(stand: Stand, method: str) -> None:
    stand.play(method, Cut(at=-1, after=False))
    for statement in stand.wire.statements():  # none is prepared under a name, or this raises
        assert statement.split()[0] in {";", "BEGIN", "COMMIT", "SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
        assert not re.search(r"advisory|set_config|nextval|setval", statement)
        assert len(statement) < LONGEST


def test_a_whole_page_of_the_reconciler_is_not_too_long_a_statement(stand: Stand) -> None:
    stand.prepared("legacy_text")
    stand.ready = None
    ids = [job_id_of(number, 0) for number in range(PAGE)]
    job = {"owner": "o", "status": "CANCELLED", "model": "m", "max_chunk_chars": 4, "max_attempts": 3}
    job |= {"document_key": "k", "document_chars": 4, "document_bytes": 4, "created_at": 0, "updated_at": 0}
    chunk = {"chunk_index": 0, "status": "PENDING", "char_start": 0, "char_end": 4, "byte_start": 0, "byte_end": 4}
    with stand.stage.engine.begin() as connection:
        connection.execute(sa.insert(jobs), [{"job_id": job_id, **job} for job_id in ids])
        connection.execute(sa.insert(chunks), [{"job_id": job_id, "hint_due_at": 1, **chunk} for job_id in ids])
    stand.wire.sent.clear()

    assert stand.stage.run(stand.store.rest_ended(PAGE)) == PAGE
    assert stand.stage.run(stand.store.not_sent([ChunkHint(job_id, 0, 0) for job_id in ids])) == PAGE
    stand.stage.run(stand.store.fail_crashed(ids[0], range(PAGE), NO))
    assert max(len(statement) for statement in stand.wire.statements()) < LONGEST
