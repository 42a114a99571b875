"""The chunk worker: attempts, backoff, deferring, suspects, and what stays in the queue."""

from __future__ import annotations

import asyncio
import json

import pytest

from functions.chunk_worker.inbox import HOLD_BACK
from functions.chunk_worker.worker import process
from functions.core.errors import ProviderError, StoreUnavailable
from functions.core.jobs import ChunkStatus, JobStatus
from functions.core.messages import dump_chunk
from functions.core.model import ChunkHint, ModelCall, Source
from functions.core.sqs_event import Record
from tests.fakes.stage import FixedDeadline, Stage
from tests.fixtures.logs import LogLines

ERROR = ProviderError("server_error", "500")
THROTTLED = ProviderError("rate_limited", "429", retry_after=7)
REFUSED = ProviderError("refused_content", "no")


def test_a_batch_ends_with_its_results_in_order_and_wakes_the_finalizer(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbcccc")

    assert stage.work(*[hint for hint, _ in stage.queues.chunks]) == []

    assert [row.result for row in stage.rows(job_id)] == ["<aaaa>", "<bbbb>", "<cccc>"]
    assert stage.queues.finals == [(job_id, 1)]
    stage.check(job_id)


def test_adjacent_spans_are_read_with_one_ranged_get(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaabbbbccccddddeeee")

    sqlite_stage.work(ChunkHint(job_id, 3, 0), ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))

    assert sorted(sqlite_stage.documents.reads) == [(f"documents/{job_id}", 0, 8), (f"documents/{job_id}", 12, 16)]


def test_the_chunks_of_a_batch_are_analysed_at_the_same_time(sqlite_stage: Stage) -> None:
    sqlite_stage.submit("aaaabbbbcccc")
    meeting = asyncio.Barrier(3)

    async def meet(_call: ModelCall) -> None:
        await meeting.wait()

    sqlite_stage.model.during = meet
    sqlite_stage.deliver()

    assert len(sqlite_stage.model.calls) == 3


def test_an_error_is_tried_again_until_max_attempts_and_each_attempt_is_on_the_row(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb", max_attempts=4)
    seen: list[int] = []

    async def look(call: ModelCall) -> None:
        if call.chunk_index == 1:
            seen.append(stage.row(job_id, 1).attempts)

    stage.model.during = look
    stage.model.lines[1] = [ERROR] * 9
    job = stage.settle(job_id)

    assert stage.model.times(1) == 4
    assert seen == [0, 1, 2, 3]  # each counted failure was committed before its backoff
    assert stage.row(job_id, 1).attempts == 4
    assert (job.status, job.error_summary) == (
        JobStatus.PARTIAL_SUCCESS,
        "1 of 2 chunks failed (server_error: chunk 1)",
    )
    stage.check(job_id)


def test_an_error_that_passes_costs_no_chunk(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ERROR, ERROR, "fine"]

    job = stage.settle(job_id)

    assert (job.status, job.analysis_result, stage.row(job_id).attempts) == (JobStatus.COMPLETED, "fine", 3)


def test_attempts_go_on_where_another_delivery_stopped(stage: Stage) -> None:
    job_id = stage.submit("aaaa", max_attempts=3)
    stage.change(job_id, 0, attempts=2)
    stage.model.lines[0] = [ERROR] * 9

    stage.settle(job_id)

    assert stage.model.times(0) == 1


@pytest.mark.parametrize("code", ["refused_content", "invalid_request", "bad_credentials"])
def test_what_no_retry_can_mend_fails_at_once(stage: Stage, code: str) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError(code, "no")]

    job = stage.settle(job_id)

    assert (job.status, stage.model.times(0)) == (JobStatus.FAILED, 1)
    assert (stage.row(job_id).error_code, stage.row(job_id).attempts) == (code, 1)


def test_a_provider_that_cannot_be_opened_fails_its_chunks_and_no_others(sqlite_stage: Stage) -> None:
    locked, fine = sqlite_stage.submit("aaaa"), sqlite_stage.submit("bbbb")
    sqlite_stage.change_job(locked, model="locked")

    sqlite_stage.deliver()

    assert sqlite_stage.row(locked).error_code == "bad_credentials"
    assert sqlite_stage.job(fine).status is JobStatus.COMPLETED


def test_throttling_uses_no_attempt_and_comes_back_by_a_fresh_delayed_message(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [THROTTLED]

    assert stage.work(ChunkHint(job_id, 0, 0)) == []  # acknowledged: the fresh one takes its place

    row = stage.row(job_id)
    assert (row.status, row.attempts, row.error_code) == (ChunkStatus.PENDING, 0, "rate_limited")
    assert row.parked_since is not None
    hint, delay = stage.queues.chunks[-1]
    assert hint == ChunkHint(job_id, 0, 1)
    assert 7 <= delay <= 9  # never earlier than Retry-After
    assert row.hint_due_at > row.not_before


def test_throttling_for_longer_than_max_park_fails_the_chunk(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.always = THROTTLED
    stage.work(ChunkHint(job_id, 0, 0))
    stage.pass_time(86_500)

    stage.work(ChunkHint(job_id, 0, 1))

    row = stage.row(job_id)
    assert (row.status, row.error_code, row.attempts) == (ChunkStatus.FAILED, "rate_limited", 0)


def test_an_answer_that_is_an_error_ends_the_parking(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [THROTTLED]
    stage.work(ChunkHint(job_id, 0, 0))
    stage.pass_time(10)
    stage.model.lines[0] = [ERROR, THROTTLED]

    before = stage.row(job_id).parked_since
    stage.work(ChunkHint(job_id, 0, 1))

    assert stage.row(job_id).parked_since > before


def test_a_message_that_comes_early_is_replaced_by_a_delayed_one(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [THROTTLED]
    stage.work(ChunkHint(job_id, 0, 0))
    stage.queues.chunks.clear()

    assert stage.work(ChunkHint(job_id, 0, 1)) == []

    assert stage.model.times(0) == 1
    [(hint, delay)] = stage.queues.chunks
    assert (hint, 1 <= delay <= 9) == (ChunkHint(job_id, 0, 1), True)


def test_no_call_starts_that_cannot_end_before_the_deadline(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.deadline = FixedDeadline(100)

    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    row = stage.row(job_id)
    assert (row.status, row.attempts, row.error_code) == (ChunkStatus.PENDING, 0, "deadline_near")
    assert stage.queues.chunks[-1][0] == ChunkHint(job_id, 0, 1)
    assert stage.model.calls == []


def test_a_function_that_never_has_the_time_for_a_call_does_not_go_on_for_ever(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.deadline = FixedDeadline(100)
    stage.work(ChunkHint(job_id, 0, 0))
    stage.pass_time(86_500)

    stage.work(ChunkHint(job_id, 0, 1))

    assert (stage.row(job_id).status, stage.row(job_id).error_code) == (ChunkStatus.FAILED, "deadline_near")


def test_a_retry_that_does_not_fit_goes_on_in_another_invocation_and_counts(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ERROR]

    async def time_flies(_call: ModelCall) -> None:
        stage.deadline.seconds = 100

    stage.model.during = time_flies
    stage.work(ChunkHint(job_id, 0, 0))

    row = stage.row(job_id)
    assert (row.status, row.attempts) == (ChunkStatus.PENDING, 1)
    assert stage.queues.chunks[-1][0] == ChunkHint(job_id, 0, 1)


def test_a_retry_after_longer_than_the_invocation_is_left_to_the_queue(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError("server_error", "500", retry_after=600)]

    stage.work(ChunkHint(job_id, 0, 0))

    assert stage.row(job_id).attempts == 1
    assert stage.queues.chunks[-1] == (ChunkHint(job_id, 0, 1), 600)


@pytest.mark.parametrize("wish", [1e9, 1e300, float("inf"), float("nan"), -5.0])
def test_no_retry_after_parks_a_chunk_for_ever(sqlite_stage: Stage, wish: float) -> None:
    job_id = sqlite_stage.submit("aaaa")
    sqlite_stage.model.lines[0] = [ProviderError("server_error", "500", retry_after=wish)]

    assert sqlite_stage.settle(job_id).status is JobStatus.COMPLETED


@pytest.mark.parametrize("code", ["rate_limited", "server_error", "refused_content"])
def test_a_provider_s_words_are_made_storable_first(stage: Stage, code: str) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError(code, "busy \0 \ud83d")]

    stage.work(ChunkHint(job_id, 0, 0))

    row = stage.row(job_id)
    assert row.crashes == 0
    assert row.status == ChunkStatus.COMPLETED or row.error_message == "busy \ufffd \ufffd"


def test_a_cancelled_job_gets_no_call_at_all(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    read = stage.documents.read

    async def cancel_meanwhile(source: Source, byte_start: int, byte_end: int) -> bytes:
        stage.change_job(job_id, status=JobStatus.CANCELLED)
        return await read(source, byte_start, byte_end)

    stage.documents.read = cancel_meanwhile  # type: ignore[method-assign]
    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert stage.model.calls == []


def test_a_cancelled_job_gets_no_further_call(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ERROR] * 9

    async def cancel(_call: ModelCall) -> None:
        stage.change_job(job_id, status=JobStatus.CANCELLED)

    stage.model.during = cancel
    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert stage.model.times(0) == 1
    assert stage.job(job_id).status is JobStatus.CANCELLED


def test_suspects_are_worked_alone_after_the_others_are_committed(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbbccccdddd")
    stage.change(job_id, 0, crashes=1)
    stage.change(job_id, 2, crashes=2)
    seen: dict[int, list[str]] = {}

    async def look(call: ModelCall) -> None:
        seen[call.chunk_index] = [row.status for row in stage.rows(job_id)]

    stage.model.during = look
    stage.deliver()

    assert [call.chunk_index for call in stage.model.calls][2:] == [0, 2]
    assert seen[0] == ["PROCESSING", "COMPLETED", "PENDING", "COMPLETED"]  # nobody holds the other suspect meanwhile
    assert seen[2] == ["COMPLETED", "COMPLETED", "PROCESSING", "COMPLETED"]


def test_a_message_that_does_not_parse_fails_alone_before_any_sql(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    bodies = [
        "not json",
        "[]",
        "{}",
        json.dumps({"job_id": job_id, "chunk_index": "0", "claim_no": 0}),
        json.dumps({"job_id": job_id, "chunk_index": True, "claim_no": 0}),
        json.dumps({"job_id": job_id, "chunk_index": -1, "claim_no": 0}),
        json.dumps({"job_id": job_id, "chunk_index": 2**40, "claim_no": 0}),
        json.dumps({"job_id": "a'b\0", "chunk_index": 0, "claim_no": 0}),
        json.dumps({"job_id": job_id, "chunk_index": 0, "claim_no": 0, "text": "x"}),
        "[" * 100_000,
    ]
    records = [Record(f"bad{number}", "r", body, 1) for number, body in enumerate(bodies)]
    records.append(Record("good", "r", dump_chunk(ChunkHint(job_id, 0, 0)), 1))

    failed = stage.run(process(stage.parts, records, stage.deadline))

    assert failed == [f"bad{number}" for number in range(len(bodies))]
    assert stage.row(job_id).status == ChunkStatus.COMPLETED


def test_one_message_twice_in_a_batch_is_one_call(stage: Stage) -> None:
    job_id = stage.submit("aaaa")

    assert stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 0, 0)) == []

    assert stage.model.times(0) == 1
    stage.check(job_id)


def test_a_delivery_of_a_chunk_that_is_done_costs_no_call(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.work(ChunkHint(job_id, 0, 0))

    assert stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 0, 1)) == []

    assert stage.model.times(0) == 1


def test_a_database_that_is_away_leaves_the_batch_in_the_queue_longer_each_time(sqlite_stage: Stage) -> None:
    class Away:
        async def claim(self, *_: object, **__: object) -> None:
            raise StoreUnavailable("away")

    sqlite_stage.store = Away()  # type: ignore[assignment]
    hint = ChunkHint("job", 0, 0)

    assert sqlite_stage.work(hint, receive_count=1) == ["m0"]
    assert sqlite_stage.work(hint, receive_count=9) == ["m0"]

    assert sqlite_stage.queues.held == [("r0", HOLD_BACK[0]), ("r0", HOLD_BACK[-1])]


def test_a_database_outage_of_an_hour_puts_nothing_into_the_dead_letter_queue(sqlite_stage: Stage) -> None:
    """The last delivery that SQS allows (`maxReceiveCount`) comes more than an hour after the first."""
    waits = HOLD_BACK[: sqlite_stage.settings.max_receive_count - 1]

    assert len(waits) == sqlite_stage.settings.max_receive_count - 1
    assert sum(waits) > 3_600


def test_a_bucket_that_is_away_puts_the_chunk_off(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.documents.away = True

    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert (stage.row(job_id).status, stage.row(job_id).error_code) == (ChunkStatus.PENDING, "storage_unavailable")
    stage.documents.away = False
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_a_document_that_is_gone_fails_its_chunks_with_the_reason(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.documents.objects.clear()

    stage.deliver()

    assert stage.job(job_id).status is JobStatus.FAILED
    assert stage.row(job_id).error_code == "document_missing"


def test_bytes_that_are_not_the_plan_s_characters_fail_the_chunk(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaabbbb")
    sqlite_stage.documents.objects[f"documents/{job_id}"] = "ääää".encode()

    sqlite_stage.deliver()

    assert {row.error_code for row in sqlite_stage.rows(job_id)} == {"document_unreadable"}


def test_a_queue_that_is_away_after_the_commit_loses_nothing(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.queues.away = True

    assert stage.work(ChunkHint(job_id, 0, 0)) == []

    assert stage.row(job_id).status == ChunkStatus.COMPLETED
    stage.queues.away = False
    stage.queues.lose_everything()
    assert stage.settle(job_id).status is JobStatus.COMPLETED


def test_an_adapter_s_bug_fails_its_chunk_and_no_other(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.model.lines[0] = [ZeroDivisionError("secret words of the document")]

    stage.deliver()

    assert [row.status for row in stage.rows(job_id)] == [ChunkStatus.FAILED, ChunkStatus.COMPLETED]
    assert stage.row(job_id).error_code == "provider_bug"


def test_a_call_that_takes_too_long_is_a_timeout(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("aaaa", max_attempts=3)

    async def never(_call: ModelCall) -> None:
        await asyncio.Event().wait()

    sqlite_stage.model.during = never
    sqlite_stage.with_settings(call_timeout=0.001).deliver()

    assert (sqlite_stage.row(job_id).error_code, sqlite_stage.row(job_id).attempts) == ("timeout", 3)


def test_a_lease_is_renewed_while_a_call_runs(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    first: list[int] = []

    async def until_renewed(_call: ModelCall) -> None:
        first.append(stage.row(job_id).lease_until)
        while stage.row(job_id).lease_until == first[0]:  # noqa: ASYNC110
            await asyncio.sleep(0)

    stage.model.during = until_renewed
    stage.with_settings(renew_every=0.001).deliver()

    assert stage.job(job_id).status is JobStatus.COMPLETED


def test_a_lease_never_lasts_past_the_invocation(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.deadline = FixedDeadline(10)
    left: list[int] = []

    async def look(_call: ModelCall) -> None:
        left.append(stage.row(job_id).lease_until - stage.job_row(job_id).started_at)

    stage.model.during = look
    stage.with_settings(call_timeout=1, call_margin=1).deliver()

    assert left[0] <= 10_000


def test_results_are_made_storable_first(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = ["nul \0, surrogate \ud800."]

    job = stage.settle(job_id)

    assert job.analysis_result == "nul \ufffd, surrogate \ufffd."


def test_logs_are_json_with_job_and_chunk_and_never_text(stage: Stage, log_lines: LogLines) -> None:
    job_id = stage.submit("top secret words")
    stage.model.lines[0] = [ERROR, REFUSED]
    stage.model.lines[1] = [ZeroDivisionError("secret words")]
    stage.deliver()

    lines = [line for line in log_lines() if line.get("chunk_index") == 0]
    assert {(line["level"], line["attempt"]) for line in lines if "attempt" in line} == {("WARNING", 1), ("ERROR", 2)}
    assert all(line["job_id"] == job_id for line in lines)
    assert not any("secret" in json.dumps(line) for line in log_lines())
