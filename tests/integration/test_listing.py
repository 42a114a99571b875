"""What a client reads in pages: jobs newest first, chunks in order, how far the finished prefix reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.model import ChunkHint, ChunkResult, ChunkView, Failure
from functions.core.store.tables import chunks
from tests.fakes.stage import Stage

PLENTY = 1 << 20


def page(stage: Stage, job_id: str, after: int = -1, limit: int = 100, **other: Any) -> list[ChunkView]:
    """A page of chunks."""
    given = {"status": None, "result_bytes": PLENTY, **other}
    return stage.run(stage.store.chunk_page(job_id, after=after, limit=limit, **given))


def statements(stage: Stage, work: Coroutine[Any, Any, Any]) -> list[tuple[str, Any]]:
    """What the database is asked, with parameters."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _d: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    for engine in {stage.engines.read, stage.engines.write}:
        event.listen(engine, "before_cursor_execute", note)
    stage.run(work)
    for engine in {stage.engines.read, stage.engines.write}:
        event.remove(engine, "before_cursor_execute", note)
    return asked


@contextmanager
def just_before_results(stage: Stage, work: Coroutine[Any, Any, Any]) -> Iterator[list[int]]:
    """Another process does something between the two statements of a page; how many results the second one read."""
    waiting, read = [work], list[int]()

    def before(_c: object, _d: object, statement: str, *_: object) -> None:
        if waiting and statement.startswith("SELECT chunk_records.chunk_index, chunk_records.result"):
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(asyncio.run, waiting.pop()).result()

    def after(connection: Any, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT chunk_records.chunk_index, chunk_records.result"):
            cursor = connection.connection.cursor()
            cursor.execute(statement, parameters)
            read.append(len(cursor.fetchall()))
            cursor.close()

    event.listen(stage.engines.read, "before_cursor_execute", before)
    event.listen(stage.engines.read, "after_cursor_execute", after)
    yield read
    event.remove(stage.engines.read, "before_cursor_execute", before)
    event.remove(stage.engines.read, "after_cursor_execute", after)
    assert not waiting


# -- chunks


def test_chunks_in_every_state_are_shown_as_they_are(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbccccdddd")
    claims = stage.run(stage.store.claim([ChunkHint(job_id, index, 0) for index in range(3)], seconds=60)).claims
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "größer")]))
    stage.run(stage.store.fail(claims[1], Failure("timeout", "no answer"), attempts=3))
    stage.run(stage.store.count_attempt(claims[2], Failure("server_error", "500")))

    done, failed, open_, waiting = page(stage, job_id)

    assert (done.status, done.result, done.result_bytes, done.attempts) == (ChunkStatus.COMPLETED, "größer", 8, 1)
    assert (done.failure, done.finished_at is not None) == (None, True)
    assert (failed.status, failed.failure, failed.attempts) == (ChunkStatus.FAILED, Failure("timeout", "no answer"), 3)
    assert (failed.result, failed.result_bytes, failed.finished_at is not None) == (None, None, True)
    assert (open_.status, open_.failure) == (ChunkStatus.PROCESSING, Failure("server_error", "500"))
    assert (waiting.status, waiting.failure, waiting.finished_at) == (ChunkStatus.PENDING, None, None)
    assert [view.span.chunk_index for view in (done, failed, open_, waiting)] == [0, 1, 2, 3]
    assert (waiting.span.char_start, waiting.span.byte_end) == (12, 16)
    for status in ChunkStatus:
        assert [view.status for view in page(stage, job_id, status=status)] == [status]


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 100])
def test_pages_follow_each_other_without_a_gap(stage: Stage, limit: int) -> None:
    job_id = stage.submit("x" * 40)
    stage.work(*[ChunkHint(job_id, index, 0) for index in range(7)])
    seen: list[int] = []
    while got := page(stage, job_id, after=seen[-1] if seen else -1, limit=limit):
        assert len(got) <= limit
        seen += [view.span.chunk_index for view in got]

    assert seen == list(range(10))
    assert page(stage, job_id, after=9) == page(stage, "no-such-job") == []


def sized(stage: Stage, *sizes: int | None) -> str:
    """A job whose chunks have results of so many bytes; None: no result yet."""
    job_id = stage.submit("x" * 4 * len(sizes))
    for index, size in enumerate(sizes):
        if size is not None:
            stage.run(stage.store.complete(job_id, [ChunkResult(index, "r" * size)]))
    return job_id


@pytest.mark.parametrize(
    ("sizes", "pages"),
    [
        ([4, 4, 4, 4], [[4, 4], [4, 4]]),
        ([8, 1, 7, 2], [[8], [1, 7], [2]]),
        ([9, 4, 4, 4], [[None, 4, 4], [4]]),  # alone too large, and first: left out
        ([1, 9, 8], [[1], [None, 8]]),
        ([None, 9, None], [[None], [None, None]]),
        ([9, 9, 1], [[None], [None, 1]]),
        ([0, 0, 8, 0], [[0, 0, 8, 0]]),
    ],
)
def test_a_page_ends_before_the_result_that_does_not_fit(
    stage: Stage, sizes: list[int | None], pages: list[list[int | None]]
) -> None:
    job_id = sized(stage, *sizes)
    got: list[list[int | None]] = []
    after = -1
    while views := page(stage, job_id, after=after, result_bytes=8):
        after = views[-1].span.chunk_index
        got.append([None if view.result is None else len(view.result) for view in views])
        assert [view.result_bytes for view in views] == sizes[after + 1 - len(views) : after + 1]

    assert got == pages


def test_without_results_a_page_is_as_long_as_it_may(stage: Stage) -> None:
    job_id = sized(stage, 100, 100, None)

    views = page(stage, job_id, result_bytes=0)

    assert [(view.status, view.result, view.result_bytes) for view in views] == [
        *[(ChunkStatus.COMPLETED, None, None)] * 2,
        (ChunkStatus.PENDING, None, None),
    ]


def test_a_page_of_a_thousand_large_results_reads_no_more_of_them_than_it_shows(stage: Stage) -> None:
    job_id = stage.submit("x" * 400)
    with stage.engine.begin() as connection:
        large = {"job_id": job_id, "status": "COMPLETED", "result": "r" * 100_000, "attempts": 1}
        same = {"char_start": 0, "char_end": 4, "byte_start": 0, "byte_end": 4}
        connection.execute(insert(chunks), [{**large, **same, "chunk_index": index} for index in range(100, 200)])
    asked = statements(stage, stage.store.chunk_page(job_id, after=99, limit=1_000, status=None, result_bytes=300_000))

    by_size, by_range = [entry for entry in asked if "chunk_records" in entry[0]]
    assert "chunk_records.result," not in by_size[0]
    with stage.engine.begin() as connection:
        assert len(connection.exec_driver_sql(*by_range).all()) == 3


def test_a_page_of_failed_chunks_reads_no_result_that_stands_between_them(stage: Stage) -> None:
    job_id = stage.submit("x" * 40)
    claims = stage.run(stage.store.claim([ChunkHint(job_id, index, 0) for index in range(10)], seconds=60)).claims
    stage.run(stage.store.complete(job_id, [ChunkResult(index, "r" * 5_000) for index in range(1, 9)]))
    for claim in (claims[0], claims[9]):
        stage.run(stage.store.fail(claim, Failure("timeout", "no answer"), attempts=1))
    failed = stage.store.chunk_page(job_id, after=-1, limit=9, status=ChunkStatus.FAILED, result_bytes=1_000)

    asked = [entry for entry in statements(stage, failed) if "chunk_records" in entry[0]]

    assert len(asked) == 1
    assert "chunk_records.result," not in asked[0][0]


def test_a_result_between_two_that_fit_is_neither_read_nor_shown_when_it_comes_late(stage: Stage) -> None:
    job_id = sized(stage, 4, None, 4)
    with just_before_results(stage, stage.store.complete(job_id, [ChunkResult(1, "late" * 1_000)])) as read:
        views = page(stage, job_id, result_bytes=8)

    shown = [(view.status, view.result, view.result_bytes) for view in views]
    assert shown == [
        (ChunkStatus.COMPLETED, "rrrr", 4),
        (ChunkStatus.PENDING, None, None),
        (ChunkStatus.COMPLETED, "rrrr", 4),
    ]
    assert read == [2]


def test_a_job_that_goes_in_the_middle_of_a_page_shows_no_result_as_left_out(stage: Stage) -> None:
    job_id = sized(stage, 4, None)
    with just_before_results(stage, stage.store.delete(job_id, "local")):
        views = page(stage, job_id)

    for view in views:
        assert (view.result is None) == (view.result_bytes is None)


def test_a_page_of_a_thousand_results_is_not_too_long_a_statement(stage: Stage) -> None:
    job_id = stage.submit("x")
    row = {"job_id": job_id, "status": "COMPLETED", "result": "r", "attempts": 1}
    row |= {"char_start": 0, "char_end": 4, "byte_start": 0, "byte_end": 4}
    with stage.engine.begin() as connection:
        connection.execute(insert(chunks), [{**row, "chunk_index": 9_000_000 + index} for index in range(1_000)])
    given: dict[str, Any] = {"after": 0, "limit": 1_000, "status": None, "result_bytes": PLENTY}

    assert {view.result for view in page(stage, job_id, **given)} == {"r"}
    asked = statements(stage, stage.store.chunk_page(job_id, **given))
    assert max(len(statement) for statement, _ in asked) < 16_384  # a longer one pins a session of RDS Proxy


def test_hashes_of_chunks_come_back_wherever_a_span_does(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    spans = [view.span for view in page(stage, job_id)]
    claims = stage.run(stage.store.claim([ChunkHint(job_id, index, 0) for index in range(2)], seconds=60)).claims
    stage.run(stage.store.fail(claims[0], Failure("timeout", "no answer"), attempts=1))
    [error] = stage.run(stage.store.chunk_errors(job_id, 10))

    hashes = [sha256(text).hexdigest() for text in (b"aaaa", b"bbbb")]
    assert [span.sha256 for span in spans] == [claim.span.sha256 for claim in claims] == hashes
    assert error.span.sha256 == hashes[0]


# -- the finished prefix


def test_the_finished_prefix_ends_before_the_first_open_chunk(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbccccdddd")
    prefix: Callable[[], int] = lambda: stage.run(stage.store.finished_prefix(job_id))  # noqa: E731
    claims = stage.run(stage.store.claim([ChunkHint(job_id, index, 0) for index in range(2)], seconds=60)).claims
    assert prefix() == 0

    stage.run(stage.store.complete(job_id, [ChunkResult(1, "r"), ChunkResult(2, "r")]))
    assert prefix() == 0
    stage.run(stage.store.fail(claims[0], Failure("timeout", "no answer"), attempts=1))
    assert prefix() == 3
    stage.run(stage.store.complete(job_id, [ChunkResult(3, "r")]))
    assert prefix() == 4

    stage.finalize(job_id)
    stage.retry(job_id)
    assert prefix() == 0
    assert stage.run(stage.store.finished_prefix("no-such-job")) == 0


def test_of_a_job_that_is_being_planned_it_counts_what_is_there(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", planned=False)
    assert stage.run(stage.store.finished_prefix(job_id)) == 0
    stage.plan(job_id)
    stage.run(stage.store.complete(job_id, [ChunkResult(0, "r")]))

    assert stage.run(stage.store.finished_prefix(job_id)) == 1


# -- jobs


def listed(stage: Stage, **given: Any) -> list[str]:
    """Ids of a page of jobs."""
    views = stage.run(stage.store.list_jobs("local", **{"status": None, "before": None, "limit": 100, **given}))
    return [view.job_id for view in views]


def test_jobs_are_listed_newest_first_in_pages_without_a_gap(stage: Stage) -> None:
    made = [stage.submit("aaaa") for _ in range(7)]
    stage.run(stage.store.create_job(other_owner(stage), None))
    seen: list[str] = []
    while got := listed(stage, before=seen[-1] if seen else None, limit=3):
        seen += got

    assert seen == made[::-1]
    assert listed(stage, before=made[0]) == []


def other_owner(stage: Stage) -> Any:
    """A job of somebody else."""
    upload = stage.upload(b"aaaa")
    with stage.engine.begin() as connection:
        connection.execute(text("UPDATE documents SET owner = 'somebody'"))
    job = stage.job_of_upload(upload)
    return type(job)(**{**{name: getattr(job, name) for name in job.__slots__}, "owner": "somebody"})


def test_jobs_are_listed_by_their_state_as_get_shows_them_without_their_results(stage: Stage) -> None:
    made = {status: stage.submit("aaaa") for status in JobStatus}
    for status, job_id in made.items():
        stage.change_job(job_id, status=status, analysis_result="of a client", instructions="i")

    for status, job_id in made.items():
        assert listed(stage, status=status) == [job_id]
    asked = statements(stage, stage.store.list_jobs("local", status=None, before="z", limit=9))
    assert "analysis_result" not in asked[-1][0]
    [view] = stage.run(stage.store.list_jobs("local", status=JobStatus.FAILED, before=None, limit=9))
    whole = stage.job(made[JobStatus.FAILED])
    assert view.analysis_result is None
    assert (view.status, view.created_at, view.progress) == (whole.status, whole.created_at, whole.progress)


# -- what serves them


SERVED: dict[str, tuple[str, Callable[[Stage], Coroutine[Any, Any, Any]]]] = {
    "list": ("ix_jobs_owner", lambda at: at.store.list_jobs("local", status=None, before="z", limit=9)),
    "standing": ("ix_jobs_live", lambda at: at.store.begin_submit("local", None, None)),
    "prefix": ("ix_chunks_open", lambda at: at.store.finished_prefix("j")),
    "open": (
        "ix_chunks_open",
        lambda at: at.store.chunk_page("j", after=0, limit=9, status=ChunkStatus.PENDING, result_bytes=0),
    ),
    "failed": (
        "ix_chunks_failed",
        lambda at: at.store.chunk_page("j", after=0, limit=9, status=ChunkStatus.FAILED, result_bytes=0),
    ),
    "expired jobs": ("ix_jobs_finished", lambda at: at.store.expire_job(seconds=9)),
    "expired uploads": ("ix_documents_expiry", lambda at: at.store.expire_documents(9)),
    "old keys": ("ix_idempotency_created", lambda at: at.store.forget_keys(seconds=9, limit=9)),
    "due deletions": ("ix_deletions_due", lambda at: at.store.due_deletions(9)),
}


@pytest.mark.parametrize("question", SERVED)
def test_an_index_serves_what_is_asked_often(stage: Stage, question: str) -> None:
    index, work = SERVED[question]
    asked = statements(stage, work(stage))[-1]
    with stage.engine.begin() as connection:
        postgres = connection.dialect.name == "postgresql"
        if postgres:  # tables of no size are read whole
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        plan = str(connection.exec_driver_sql(explain + asked[0], asked[1]).all())

    assert index in plan
    assert "Seq Scan" not in plan
    assert "SCAN analysis" not in plan
    assert "SCAN chunk" not in plan
    assert "TEMP B-TREE" not in plan
