"""Promise 2: a queue message is a hint. Any may be lost, doubled, reordered, and all queues emptied: every job ends."""

from __future__ import annotations

import random
from typing import TypeVar

import pytest

from functions.core.errors import ProviderError
from functions.core.jobs import ACTIVE_JOB, JobStatus
from tests.fakes.stage import Stage

T = TypeVar("T")
TEXT = "".join(f"{number:04d}" for number in range(30))


def misdeliver(stage: Stage, chance: random.Random) -> None:
    """Lose a third of what lies in the queues, double a third, and shuffle it all."""
    stage.queues.chunks = shuffled(stage.queues.chunks, chance)
    stage.queues.plans = shuffled(stage.queues.plans, chance)
    stage.queues.finals = shuffled(stage.queues.finals, chance)


def shuffled(items: list[T], chance: random.Random) -> list[T]:
    """Each item none, one or two times, in any order."""
    kept = [item for item in items for _ in range(chance.choice((0, 1, 2)))]
    chance.shuffle(kept)
    return kept


def end_with_mail_like_that(stage: Stage, job_id: str, chance: random.Random) -> None:
    """Misdeliver before each step, a lease's time between rounds, until the job has ended."""
    for _ in range(200):
        misdeliver(stage, chance)
        if stage.queues.plans:
            stage.plan(stage.queues.plans.pop())
        elif stage.queues.finals and chance.random() < 0.5:
            stage.finalize(*stage.queues.finals.pop())
        elif stage.queues.chunks:
            batch = [hint for hint, _ in stage.queues.chunks[:5]]
            del stage.queues.chunks[:5]
            stage.work(*batch)
        else:
            stage.pass_time(400)
            stage.reconcile()
        if stage.job(job_id).status not in ACTIVE_JOB:
            return
    raise AssertionError(stage.job(job_id))


@pytest.mark.parametrize("seed", range(6))
def test_lost_doubled_and_reordered_messages_of_every_queue(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    job_id = stage.submit(TEXT, planned=bool(seed % 2))
    stage.model.lines = {
        3: [ProviderError("rate_limited", "429"), ProviderError("server_error", "500")],
        7: [ProviderError("refused_content", "no")],
    }

    end_with_mail_like_that(stage, job_id, chance)

    job = stage.job(job_id)
    assert (job.status, job.progress.completed, job.progress.failed) == (JobStatus.PARTIAL_SUCCESS, 29, 1)
    assert all(stage.model.times(index) == 1 for index in range(30) if index not in (3, 7))
    stage.check(job_id)


@pytest.mark.parametrize("planned", [True, False])
def test_all_queues_emptied_in_mid_job_again_and_again(stage: Stage, planned: bool) -> None:
    job_id = stage.submit(TEXT, planned=planned)
    for _ in range(100):
        stage.queues.lose_everything()
        stage.pass_time(61)
        stage.reconcile()
        if stage.queues.plans:
            stage.plan(stage.queues.plans.pop())
        if stage.queues.chunks:
            stage.work(*[hint for hint, _ in stage.queues.chunks[:4]])
        if stage.queues.finals:
            stage.finalize(*stage.queues.finals.pop())
        if stage.job(job_id).status not in ACTIVE_JOB:
            break

    assert stage.job(job_id).status is JobStatus.COMPLETED
    assert len(stage.model.calls) == 30
    stage.check(job_id)


def test_no_message_is_left_that_can_change_anything(stage: Stage) -> None:
    job_id = stage.submit(TEXT)
    old = [hint for hint, _ in stage.queues.chunks]
    before = stage.settle(job_id)
    rows = stage.rows(job_id)

    stage.work(*old)
    stage.finalize(job_id)
    stage.plan(job_id)
    stage.pass_time(99_999)
    stage.reconcile()

    assert stage.rows(job_id) == rows
    assert stage.job(job_id) == before
    assert (stage.queues.chunks, stage.queues.plans, stage.queues.finals) == ([], [], [])
