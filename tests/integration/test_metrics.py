"""What is counted is what moved: rows in a commit, never messages."""

from __future__ import annotations

from functions.core.errors import ProviderError
from functions.core.model import ChunkHint, Metric
from functions.core.sqs_event import Record
from functions.dead_letter.bury import bury
from tests.fakes.stage import Stage


def counted(stage: Stage) -> dict[Metric, int]:
    """Without the gauge."""
    return {metric: value for metric, value in stage.meter.values.items() if metric is not Metric.STUCK_JOBS}


def test_a_chunk_delivered_three_times_is_completed_once(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")

    stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0), ChunkHint(job_id, 0, 0))
    stage.work(ChunkHint(job_id, 0, 0))

    assert counted(stage) == {Metric.CHUNKS_COMPLETED: 2}


def test_a_chunk_that_a_model_refuses_has_failed(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError("refused_content", "no")]

    stage.work(ChunkHint(job_id, 0, 0))

    assert counted(stage) == {Metric.CHUNKS_FAILED: 1}


def test_a_throttled_chunk_is_parked_each_time(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.model.lines[0] = [ProviderError("rate_limited", "slowly"), ProviderError("rate_limited", "slowly")]

    stage.work(ChunkHint(job_id, 0, 0))
    stage.pass_time(1_000)
    stage.work(ChunkHint(job_id, 0, 1))
    stage.pass_time(1_000)
    stage.work(ChunkHint(job_id, 0, 2))

    assert counted(stage) == {Metric.CHUNKS_PARKED: 2, Metric.CHUNKS_COMPLETED: 1}


def test_a_worker_that_is_lost_is_a_crash_and_the_last_one_a_failure_too(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    for number in range(3):
        assert stage.run(stage.store.claim([ChunkHint(job_id, 0, number)], seconds=60)).claims
        stage.pass_time(61)
        stage.reconcile()

    assert counted(stage) == {Metric.CHUNKS_CRASHED: 3, Metric.CHUNKS_FAILED: 1}


def test_a_chunk_taken_over_from_a_dead_worker_is_a_crash(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.claim([ChunkHint(job_id, 0, 0)], seconds=60))
    stage.pass_time(61)

    stage.work(ChunkHint(job_id, 0, 0))  # the same message again, before a pass of the reconciler

    assert counted(stage) == {Metric.CHUNKS_CRASHED: 1, Metric.CHUNKS_COMPLETED: 1}
    assert stage.row(job_id).crashes == 1


def test_a_suspect_that_is_claimed_again_alone_is_no_further_crash(stage: Stage) -> None:
    job_id = stage.submit("aaaabbbb")
    stage.change(job_id, 0, crashes=1)

    stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 1, 0))

    assert counted(stage) == {Metric.CHUNKS_COMPLETED: 2}


def test_a_dead_letter_is_a_failure_once(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    body = f'{{"job_id": "{job_id}", "chunk_index": 0, "claim_no": 0}}'

    for _ in range(2):
        stage.run(bury(stage.parts, Record("m", "r", body, 1)))

    assert counted(stage) == {Metric.CHUNKS_FAILED: 1}
