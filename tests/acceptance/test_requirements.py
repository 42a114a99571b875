"""The eleven requirements of the service being replaced, over HTTP against the running stack."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from functions.core.jobs import ACTIVE_JOB, JOB_MOVES, JobStatus
from functions.core.messages import dump_chunk, dump_finalize
from functions.core.model import ChunkHint
from functions.core.outcomes import full_jitter
from local.stack import Stack
from tests.acceptance.conftest import NewDatabase
from tests.fixtures.running import Job, Running, is_empty, queues_of, running, send, until


@pytest.fixture(scope="module")
def flaky_model(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Running]:
    """A model that fails at every other call."""
    where = tmp_path_factory.mktemp("flaky")
    with running(where, concurrency=8, database_url=new_database(), error_rate="0.5", seed="7") as (seen, _):
        yield seen


def pages(count: int, *, poisoned: tuple[int, ...] = ()) -> str:
    """A document that `max_chunk_chars=40` cuts into one chunk a page."""
    return "".join(
        f"Page {number:03} {'is POISON' if number in poisoned else 'tells the tale'}.\n\n" for number in range(count)
    )


# -- 1


def test_requirement_1_the_answer_is_202_and_comes_before_any_call_of_the_model_has_ended(slow_model: Running) -> None:
    answer = slow_model.http.post("/v1/analyze", json={"raw_text": pages(4), "max_chunk_chars": 40})
    job_id = answer.json()["job_id"]
    assert (answer.status_code, answer.json()["status"], answer.json()["total_chunks"]) == (202, "PENDING", 4)
    assert answer.headers["location"] == f"/v1/analyze/{job_id}"
    assert int(answer.headers["retry-after"]) >= 1
    assert slow_model.look(job_id)["status"] in ACTIVE_JOB
    assert slow_model.calls(job_id) == []


def test_requirement_1_ids_are_unique_whoever_posts_at_the_same_time(slow_model: Running) -> None:
    with ThreadPoolExecutor(16) as clients:
        ids = list(clients.map(lambda number: slow_model.submit(f"Document {number}."), range(64)))
    assert len(set(ids)) == 64


def test_requirement_1_ids_sort_as_the_jobs_were_posted(slow_model: Running) -> None:
    ids = [slow_model.submit(f"Document {number}.") for number in range(20)]
    assert sorted(ids) == ids


# -- 2


@pytest.mark.parametrize("size", [1, 40, 333, 4000])
def test_requirement_2_no_chunk_is_larger_than_asked_for_and_they_tile_the_document(
    piecewise: Running, size: int
) -> None:
    text = pages(10) + "x" * 500 if size > 1 else "A ship!"
    job_id = piecewise.submit(text, max_chunk_chars=size)
    job = piecewise.check(job_id, text)
    assert (job["status"], job["max_chunk_chars"]) == ("COMPLETED", size)
    assert job["total_chunks"] >= -(-len(text) // size)


def test_requirement_2_a_chunk_has_4000_characters_unless_asked_for(piecewise: Running) -> None:
    text = "word " * 2000
    job = piecewise.check(piecewise.submit(text), text)
    assert (job["max_chunk_chars"], job["total_chunks"]) == (4000, 3)


# -- 3


@pytest.mark.parametrize("most", [3, 5, 10])
def test_requirement_3_a_failing_call_is_tried_again_up_to_max_attempts(flaky_model: Running, most: int) -> None:
    text = pages(30)
    job_id = flaky_model.submit(text, max_chunk_chars=40, max_attempts=most)
    job = flaky_model.check(job_id, text)
    attempts = {error["chunk_index"]: error["attempts"] for error in job["chunk_errors"]}
    for index in range(job["total_chunks"]):
        calls = [call for call in flaky_model.calls(job_id) if call.chunk_index == index]
        assert [call.attempt for call in calls] == list(range(1, len(calls) + 1))
        assert {call.outcome for call in calls[:-1]} <= {"server_error"}
        assert calls[-1].outcome == ("ok" if index not in attempts else "server_error")
        assert index not in attempts or attempts[index] == len(calls) == most
    assert len(flaky_model.calls(job_id)) > job["total_chunks"]


def test_requirement_3_three_attempts_are_the_least_and_the_default(piecewise: Running) -> None:
    refused = piecewise.http.post("/v1/analyze", json={"raw_text": "A tale.", "max_attempts": 2})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "max_attempts")
    job_id = piecewise.submit("POISON")
    assert piecewise.ended(job_id)["chunk_errors"][0]["attempts"] == 3
    assert [call.attempt for call in piecewise.calls(job_id)] == [1, 2, 3]


def test_requirement_3_a_call_begins_after_the_last_one_and_the_longest_wait_doubles(flaky_model: Running) -> None:
    job_id = flaky_model.submit(pages(30), max_chunk_chars=40, max_attempts=10)
    flaky_model.ended(job_id)
    for index in range(30):
        calls = [call for call in flaky_model.calls(job_id) if call.chunk_index == index]
        assert all(later.start >= earlier.end for earlier, later in pairwise(calls))
    longest = [full_jitter(attempt, base=0.02, cap=30, random=Longest()) for attempt in range(1, 10)]
    assert longest == [0.02 * 2**doublings for doublings in range(9)]


class Longest(random.Random):
    """Draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


# -- 4


def test_requirement_4_a_chunk_delivered_four_times_is_counted_once_and_the_job_finalized_once(
    crowd: tuple[Running, Stack],
) -> None:
    seen, stack = crowd
    text = pages(150)
    job_id = seen.submit(text, max_chunk_chars=40)
    until(lambda: seen.look(job_id)["total_chunks"])
    again = [dump_chunk(ChunkHint(job_id, index, 0)) for index in range(150) for _ in range(3)]
    random.Random(4).shuffle(again)
    with queues_of(stack.pids()["moto"]) as sqs:
        send(sqs, "piecewise-chunk", again)
        job = seen.check(job_id, text)
        send(sqs, "piecewise-finalize", [dump_finalize(job_id, 1)] * 4)
        send(sqs, "piecewise-chunk", again)
        for queue in ("piecewise-chunk", "piecewise-finalize"):
            until(lambda queue=queue: is_empty(sqs, queue))  # type: ignore[misc]
    assert (job["status"], job["chunks_completed"]) == ("COMPLETED", 150)
    assert sorted(call.chunk_index for call in seen.calls(job_id)) == list(range(150))
    assert len(seen.logged(job_id=job_id, message="the job ended")) == 1
    assert seen.look(job_id) == job


# -- 5


def test_requirement_5_only_legal_moves_are_seen_and_every_state_on_the_way(crowd: tuple[Running, Stack]) -> None:
    seen, _ = crowd
    states = [
        JobStatus.PENDING,
        *(JobStatus(job["status"]) for job in seen.watch(seen.submit(pages(400), max_chunk_chars=40))),
    ]
    moves = [(old, new) for old, new in pairwise(states) if old is not new]
    assert moves == [(JobStatus.PENDING, JobStatus.PROCESSING), (JobStatus.PROCESSING, JobStatus.COMPLETED)]


@pytest.mark.parametrize(
    ("poisoned", "end"), [((), "COMPLETED"), ((1, 5), "PARTIAL_SUCCESS"), (tuple(range(12)), "FAILED")]
)
def test_requirement_5_the_end_is_what_became_of_the_chunks(
    piecewise: Running, poisoned: tuple[int, ...], end: str
) -> None:
    text = pages(12, poisoned=poisoned)
    job_id = piecewise.submit(text, max_chunk_chars=40)
    states = [JobStatus.PENDING, *(JobStatus(job["status"]) for job in piecewise.watch(job_id))]
    assert all(new is old or new in JOB_MOVES[old] for old, new in pairwise(states))
    assert piecewise.check(job_id, text)["status"] == states[-1] == end
    moments = [piecewise.look(job_id)[name] for name in ("created_at", "started_at", "finished_at")]
    assert moments == sorted(moments)


# -- 6


def test_requirement_6_the_percentage_only_grows_and_is_100_when_the_job_has_ended(piecewise: Running) -> None:
    seen = list(piecewise.watch(piecewise.submit(pages(120, poisoned=(60,)), max_chunk_chars=40)))
    percents = [job["progress_pct"] for job in seen]
    assert percents == sorted(percents)
    assert [percent == 100 for percent in percents] == [job["status"] not in ACTIVE_JOB for job in seen]
    assert all(done(earlier) <= done(later) for earlier, later in pairwise(seen))


def done(job: Job) -> tuple[int, int]:
    """What may only grow."""
    return job["chunks_completed"], job["chunks_failed"]


def test_requirement_6_a_chunk_error_has_index_span_code_message_and_attempts(piecewise: Running) -> None:
    text = "Überall Meer. " * 3 + "\n\n" + pages(3, poisoned=(1,))
    job = piecewise.ended(piecewise.submit(text, max_chunk_chars=45, max_attempts=4))
    [error] = job["chunk_errors"]
    start, end = error["char_start"], error["char_end"]
    assert "POISON" in text[start:end]
    assert text.encode()[error["byte_start"] : error["byte_end"]].decode() == text[start:end]
    assert error["chunk_index"] == 2
    assert (error["code"], error["attempts"]) == ("server_error", 4)
    assert error["message"]
    assert not job["chunk_errors_truncated"]


# -- 7


def test_requirement_7_the_order_is_kept_however_chunks_finish(piecewise: Running) -> None:
    text = pages(80)
    job_id = piecewise.submit(text, max_chunk_chars=40)
    piecewise.check(job_id, text)
    finished = [call.chunk_index for call in piecewise.calls(job_id)]
    assert finished != sorted(finished)
    assert sorted(finished) == list(range(80))


# -- 8 (a Postgres backend that is terminated in mid-job: tests/integration/test_connections.py)


def test_requirement_8_many_posts_and_reads_at_once_while_jobs_run_are_all_answered(piecewise: Running) -> None:
    def visit(number: int) -> tuple[str, list[int]]:
        job_id = piecewise.submit(pages(5 + number % 10), max_chunk_chars=40)
        return job_id, [piecewise.http.get(f"/v1/analyze/{job_id}").status_code for _ in range(4)]

    with ThreadPoolExecutor(16) as clients:
        visits = list(clients.map(visit, range(16)))
    assert {status for _, statuses in visits for status in statuses} == {200}
    assert {piecewise.ended(job_id)["status"] for job_id, _ in visits} == {"COMPLETED"}


def test_requirement_8_nothing_is_lost_while_somebody_else_holds_the_database(piecewise: Running) -> None:
    running_job = piecewise.submit(pages(60), max_chunk_chars=40)
    with ThreadPoolExecutor(4) as clients:
        with piecewise.held():
            held = piecewise.chunks(running_job)
            posted = [clients.submit(piecewise.submit, "A tale.") for _ in range(4)]
            for _ in range(20):
                assert piecewise.chunks(running_job) == held
                assert not any(each.done() for each in posted)
        accepted = [each.result() for each in posted]
    assert piecewise.check(running_job, pages(60))["status"] == "COMPLETED"
    assert {piecewise.check(job_id, "A tale.")["status"] for job_id in accepted} == {"COMPLETED"}


# -- 9


def test_requirement_9_a_filled_database_of_the_replaced_service_is_migrated_and_its_rows_are_read(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    database_url = new_database()
    old = sa.create_engine(database_url or f"sqlite:///{tmp_path / 'piecewise.db'}", poolclass=sa.NullPool)
    rows = [(3, "Call me Ishmael.", "a whale"), (7, "Über das Meer.", None), (9, "The end.", "nothing")]
    with old.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE analysis_jobs (id INTEGER PRIMARY KEY, raw_text TEXT, analysis_result TEXT)"
        )
        insert = sa.text("INSERT INTO analysis_jobs VALUES (:number, :text, :result)")
        connection.execute(
            insert, [{"number": number, "text": text, "result": result} for number, text, result in rows]
        )
    with running(tmp_path, concurrency=1, database_url=database_url) as (seen, _):
        jobs = [seen.look(row["job_id"]) for row in seen.rows("SELECT job_id FROM analysis_jobs ORDER BY job_id")]
        assert [job["status"] for job in jobs] == ["COMPLETED", "FAILED", "COMPLETED"]
        assert [job["analysis_result"] for job in jobs] == ["a whale", None, "nothing"]
        assert [job["document_chars"] for job in jobs] == [len(text) for _, text, _ in rows]
        assert [job["progress_pct"] for job in jobs] == [100, 100, 100]
        assert seen.result(jobs[0]["job_id"]) == "a whale"
        assert (jobs[1]["chunks_failed"], bool(jobs[1]["error_summary"])) == (1, True)
        assert seen.check(seen.submit("A new tale."), "A new tale.")["status"] == "COMPLETED"


# -- 10


def test_requirement_10_one_chunk_that_always_fails_leaves_the_others_results_in_order(piecewise: Running) -> None:
    text = pages(30, poisoned=(13,))
    job_id = piecewise.submit(text, max_chunk_chars=40)
    job = piecewise.check(job_id, text)
    assert (job["status"], job["chunks_completed"], job["chunks_failed"]) == ("PARTIAL_SUCCESS", 29, 1)
    assert [error["chunk_index"] for error in job["chunk_errors"]] == [13]
    assert "13" in job["error_summary"]
    lines = piecewise.logged(job_id=job_id, chunk_index=13, code="server_error")
    assert [(line["level"], line["attempt"]) for line in lines] == [("WARNING", 1), ("WARNING", 2), ("ERROR", 3)]
    assert not [line for line in piecewise.logged(job_id=job_id, level="ERROR") if line["chunk_index"] != 13]


# -- 11


def test_requirement_11_when_all_chunks_fail_so_does_the_job(piecewise: Running) -> None:
    text = pages(25, poisoned=tuple(range(25)))
    job_id = piecewise.submit(text, max_chunk_chars=40)
    job = piecewise.check(job_id, text)
    assert (job["status"], job["chunks_completed"], job["chunks_failed"]) == ("FAILED", 0, 25)
    assert (job["analysis_result"], job["result_url"]) == (None, None)
    assert job["error_summary"].startswith("25 of 25 chunks failed")
    assert piecewise.http.get(f"/v1/analyze/{job_id}/result").status_code == 409
