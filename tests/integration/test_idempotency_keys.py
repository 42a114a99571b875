"""An idempotency key makes one job, however often and however many at once; the store's side of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from functions.core.chunking import split
from functions.core.errors import DocumentMissing
from functions.core.model import Earlier, Idempotency, NewJob, Source
from functions.core.store.tables import chunks, idempotency_keys, jobs
from tests.fakes.meanwhile import unanswered
from tests.fakes.stage import Stage

SAME = Idempotency("one key", "a" * 64)
SPANS = split("aaaabbbbcccc", 4)


def new_job(stage: Stage, key: Idempotency | None = SAME, owner: str = "local") -> NewJob:
    """One that nobody has written down yet."""
    job_id = stage.new_job_id()
    source = Source(f"documents/{job_id}")
    return NewJob(job_id, owner, "script", None, 4, 3, source, 12, 12, bom_removed=False, idempotency=key)


def counts(stage: Stage) -> list[int]:
    """Rows of jobs, chunks and keys."""
    with stage.engine.begin() as connection:
        tables: tuple[Any, ...] = (jobs, chunks, idempotency_keys)
        return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


def test_fifty_threads_with_one_key_make_one_job(database_url: str) -> None:
    stage = Stage.on(database_url, threads=16)
    made = [new_job(stage) for _ in range(50)]
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda job: asyncio.run(stage.store.create_job(job, SPANS)), made))

    [winner] = [job for job, answer in zip(made, answers, strict=True) if answer is None]
    assert {answer for answer in answers if answer} == {Earlier(winner.job_id, SAME.fingerprint)}
    assert counts(stage) == [1, 3, 1]
    assert stage.job(winner.job_id).progress.total == 3
    stage.close()


def test_a_job_whose_answer_was_lost_is_not_taken_for_an_earlier_one(stage: Stage) -> None:
    job = new_job(stage)

    assert stage.run(unanswered(stage).create_job(job, SPANS)) is None

    assert counts(stage) == [1, 3, 1]


def test_a_job_that_was_made_and_deleted_before_its_rerun_does_not_come_back(stage: Stage) -> None:
    job = new_job(stage)
    stage.run(stage.store.create_job(job, SPANS))
    stage.run(stage.store.delete(job.job_id, "local"))

    assert stage.run(stage.store.create_job(job, SPANS)) is None

    assert counts(stage) == [0, 0, 1]


def test_keys_of_other_owners_and_other_keys_are_others(stage: Stage) -> None:
    others = [SAME, replace(SAME, key="another"), None, None]
    for job in [*(new_job(stage, key) for key in others), new_job(stage, owner="somebody")]:
        assert stage.run(stage.store.create_job(job, None)) is None

    assert counts(stage) == [5, 0, 3]


def test_a_key_says_what_it_was_first_used_for_and_outlives_its_job(stage: Stage) -> None:
    first = new_job(stage)
    stage.run(stage.store.create_job(first, SPANS))
    other = new_job(stage, replace(SAME, fingerprint="b" * 64))
    earlier = Earlier(first.job_id, SAME.fingerprint)

    assert stage.run(stage.store.create_job(other, SPANS)) == earlier
    stage.run(stage.store.delete(first.job_id, "local"))

    assert stage.run(stage.store.create_job(other, SPANS)) == earlier
    assert stage.run(stage.store.begin_submit("local", SAME.key, None)).earlier == earlier
    assert stage.run(stage.store.begin_submit("local", "another", None)).earlier is None
    assert stage.run(stage.store.begin_submit("somebody", SAME.key, None)).earlier is None


def test_a_job_that_cannot_be_made_leaves_its_key_free(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")
    job = replace(stage.job_of_upload(upload), idempotency=SAME)
    other = replace(job, source=replace(job.source, etag='"another version"'), job_id=stage.new_job_id())
    stage.run(stage.store.create_job(stage.job_of_upload(upload), None))

    with pytest.raises(DocumentMissing):
        stage.run(stage.store.create_job(other, None))

    assert stage.run(stage.store.create_job(job, None)) is None


def test_old_keys_are_forgotten_the_oldest_first_and_may_be_used_again(stage: Stage) -> None:
    for number in range(3):
        stage.run(stage.store.create_job(new_job(stage, Idempotency(f"k{number}", "a" * 64)), None))
        stage.pass_time(50_000)

    assert stage.run(stage.store.forget_keys(seconds=86_400, limit=1)) == 1
    with stage.engine.begin() as connection:
        kept = connection.scalars(sa.select(idempotency_keys.c.idempotency_key)).all()
    assert sorted(kept) == ["k1", "k2"]
    assert stage.run(stage.store.forget_keys(seconds=86_400, limit=9)) == 1
    assert stage.run(stage.store.forget_keys(seconds=86_400, limit=9)) == 0
    assert stage.run(stage.store.create_job(new_job(stage, Idempotency("k0", "b" * 64)), None)) is None


def test_what_an_owner_has_under_way_is_counted(stage: Stage) -> None:
    stage.submit("aaaabbbbcccc")
    stage.submit("aaaabbbb", planned=False)
    stage.cancel(stage.submit("aaaa"))
    stage.settle(stage.submit("dddd"))
    stage.run(stage.store.create_job(new_job(stage, owner="somebody"), SPANS))
    stage.submit("aaaabbbbcccc")
    plan = stage.run(stage.store.begin_plan(stage.submit("aaaabbbb", planned=False)))
    assert plan
    stage.run(stage.store.add_chunks(plan, split("aaaabbbb", 4)[:1]))

    standing = stage.run(stage.store.begin_submit("local", None, None))

    live = [stage.job_row(job_id).plan_chunk for job_id in live_jobs(stage)]
    assert (standing.live_jobs, standing.live_chunks, standing.earlier) == (len(live), sum(live), None)
    assert sum(live) == 3 + 1  # what is planned of a job counts before the whole of it is
    assert stage.run(stage.store.begin_submit("somebody", None, None)).live_chunks == 3
    assert stage.run(stage.store.begin_submit("nobody", None, None)).live_jobs == 0


def live_jobs(stage: Stage) -> list[str]:
    """Ids of the owner's jobs that have not ended."""
    listed = stage.run(stage.store.list_jobs("local", status=None, before=None, limit=100))
    return [job.job_id for job in listed if job.finished_at is None]
