"""What goes with a job and when: the objects noted for deletion until they are gone for good, and jobs by their age."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from functions.core.jobs import ACTIVE_JOB, JobStatus
from functions.core.keys import document_key, records_key, result_key
from functions.core.model import Source
from functions.core.store.tables import chunks, deletions, documents, idempotency_keys, jobs
from functions.core.uploads import Deletion
from tests.fakes.meanwhile import unanswered
from tests.fakes.stage import Stage

DAY = 86_400


def noted(stage: Stage) -> set[str]:
    """Keys that are to be deleted, sooner or later."""
    with stage.engine.begin() as connection:
        return set(connection.scalars(sa.select(deletions.c.object_key)))


def results(job_id: str, runs: int = 1) -> set[str]:
    """What the runs of a job may have written."""
    return {key(job_id, run) for run in range(1, runs + 1) for key in (result_key, records_key)}


def there(stage: Stage) -> list[str]:
    """Ids of the jobs that are left, and only of those are there chunks."""
    with stage.engine.begin() as connection:
        of_chunks = set(connection.scalars(sa.select(chunks.c.job_id)))
        ids = list(connection.scalars(sa.select(jobs.c.job_id).order_by(jobs.c.job_id)))
    assert of_chunks <= set(ids)
    return ids


def due(stage: Stage, limit: int = 99) -> list[Deletion]:
    """A page of what is due."""
    return stage.run(stage.store.due_deletions(limit))


# -- what a job leaves


def test_a_deleted_job_notes_all_that_any_function_may_still_write(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.change_job(job_id, run=3)

    left = stage.run(stage.store.delete(job_id, "local"))

    assert left
    assert {each.key for each in left} == noted(stage) == {document_key(job_id), *results(job_id, 3)}


def test_an_upload_stays_while_another_job_analyses_it(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")
    with stage.engine.begin() as connection:
        connection.execute(sa.update(documents).values(upload_id="u"))
    first, last = stage.submit_upload(upload), stage.submit_upload(upload)

    stage.run(stage.store.delete(first, "local"))
    assert noted(stage) == results(first)
    left = stage.run(stage.store.delete(last, "local"))

    assert left
    assert Deletion(upload.key, None, "u") in left
    assert noted(stage) == {upload.key, *results(first), *results(last)}


@pytest.mark.parametrize("done", [False, True])
def test_a_text_that_is_being_transcoded_or_was_goes_too(stage: Stage, done: bool) -> None:
    plan = stage.run(stage.store.begin_plan(stage.submit_upload(stage.upload(b"aaaa"))))
    assert plan
    own = document_key(plan.job_id)
    plan = stage.run(stage.store.begin_transcode(plan, "u1"))
    assert plan
    if done:
        known: dict[str, Any] = {"encoding": "utf-16", "document_bytes": 4, "bom_removed": True}
        assert stage.run(stage.store.learn_document(plan, source=Source(own), **known))

    left = stage.run(stage.store.delete(plan.job_id, "local"))

    assert left
    assert [each for each in left if each.key == own] == [Deletion(own, upload_id=None if done else "u1")]
    assert {own, plan.source.key} < noted(stage)


# -- the outbox


def test_objects_are_due_when_no_function_and_no_client_can_write_them_any_more(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    stage.run(stage.store.delete(job_id, "local"))
    assert due(stage) == []
    stage.pass_time(max(stage.settings.function_timeout, stage.settings.upload_seconds))
    assert due(stage) == []
    stage.pass_time(61)

    found = due(stage)

    assert {each.key for each in found} == noted(stage)
    assert due(stage) == []


def test_a_pass_that_dies_before_it_deletes_is_made_up_for(stage: Stage) -> None:
    stage.run(stage.store.delete(stage.submit("aaaa"), "local"))
    stage.pass_time(3_600)
    first = due(stage)
    stage.pass_time(3_600)

    assert due(stage) == first
    stage.run(unanswered(stage).deleted(first[:1]))
    stage.run(stage.store.deleted(first[:1]))
    assert noted(stage) == {each.key for each in first[1:]}
    stage.run(stage.store.deleted([]))
    stage.run(stage.store.deleted(first))
    assert noted(stage) == set()


def test_a_delete_whose_answer_was_lost_notes_everything_once(stage: Stage) -> None:
    job_id = stage.submit_upload(stage.upload(b"aaaa"))

    left = stage.run(unanswered(stage).delete(job_id, "local"))

    assert left
    assert {each.key for each in left} == noted(stage)


def test_the_oldest_are_due_first(stage: Stage) -> None:
    made = [stage.submit("aaaa") for _ in range(3)]
    for job_id in reversed(made):
        stage.run(stage.store.delete(job_id, "local"))
        stage.pass_time(100)
    stage.pass_time(3_600)

    pages = [{each.key for each in due(stage, limit=3)} for _ in range(4)]

    assert pages == [{document_key(job_id), *results(job_id)} for job_id in reversed(made)] + [set()]


def test_two_passes_at_once_share_what_is_due(database_url: str) -> None:
    stage = Stage.on(database_url, threads=8)
    for _ in range(10):
        stage.run(stage.store.delete(stage.submit("aaaa"), "local"))
    stage.pass_time(3_600)
    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda _: asyncio.run(stage.store.due_deletions(5)), range(8)))
    pages.append(due(stage))

    taken = [each.key for page in pages for each in page]
    assert sorted(taken) == sorted(noted(stage))
    assert max(len(page) for page in pages[:-1]) <= 5
    stage.close()


# -- the age of jobs


def ended(stage: Stage, job_id: str, days: float, status: JobStatus = JobStatus.COMPLETED) -> str:
    """A job that ended so many days ago."""
    with stage.engine.begin() as connection:
        at = connection.execute(sa.select(jobs.c.updated_at).where(jobs.c.job_id == job_id)).scalar_one()
    stage.change_job(job_id, status=status, finished_at=at - round(days * DAY * 1000))
    return job_id


def expire(stage: Stage, days: float = 7) -> str | None:
    """One pass."""
    return stage.run(stage.store.expire_job(seconds=days * DAY))


def test_jobs_expire_one_a_call_those_that_ended_first_and_none_before_its_time(stage: Stage) -> None:
    made = [ended(stage, stage.submit("aaaabbbb"), days) for days in (8, 6.9, 10, 7.1)]

    assert [expire(stage) for _ in range(5)] == [made[2], made[0], made[3], None, None]

    assert there(stage) == [made[1]]
    gone = [made[0], made[2], made[3]]
    assert noted(stage) == {key for job_id in gone for key in (document_key(job_id), *results(job_id))}


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_expires_when_it_has_ended_and_never_before(stage: Stage, status: JobStatus) -> None:
    job_id = ended(stage, stage.submit("aaaa"), 100, status)  # as no active one can be: it has a time of its end

    assert expire(stage) == (None if status in ACTIVE_JOB else job_id)


def test_a_job_that_runs_again_does_not_expire(stage: Stage) -> None:
    job_id = stage.submit("aaaa")
    assert expire(stage, days=0) is None
    ended(stage, job_id, 100, JobStatus.FAILED)
    assert stage.run(stage.store.retry(job_id, "local", run=1))

    assert expire(stage, days=0) is None

    assert there(stage) == [job_id]


def test_the_last_job_of_an_upload_takes_it_along_when_it_expires(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")
    first, last = stage.submit_upload(upload), stage.submit_upload(upload)
    ended(stage, first, 9)

    assert expire(stage) == first
    assert upload.key not in noted(stage)
    ended(stage, last, 9)
    assert expire(stage) == last

    assert upload.key in noted(stage)
    assert stage.run(stage.store.document(upload.document_id, "local")) is None


def test_a_job_and_an_upload_that_somebody_holds_do_not_stop_the_pass(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    held, other = (ended(stage, stage.submit("aaaa"), days) for days in (9, 8))
    uploads = [stage.upload(b"aaaa") for _ in range(2)]
    stage.pass_time(90_000)
    with stage.engine.begin() as connection:
        connection.execute(sa.select(jobs).where(jobs.c.job_id == held).with_for_update())
        here = documents.c.document_id == uploads[0].document_id
        connection.execute(sa.select(documents).where(here).with_for_update())
        assert [expire(stage), expire(stage)] == [other, None]
        assert stage.run(stage.store.expire_documents(9)) == 1
    assert expire(stage) == held
    assert stage.run(stage.store.expire_documents(9)) == 1
    stage.close()


def test_many_passes_at_once_expire_each_job_once_while_clients_retry_and_delete(database_url: str) -> None:
    stage = Stage.on(database_url, threads=8)
    made = [ended(stage, stage.submit("aaaabbbb"), 9, JobStatus.FAILED) for _ in range(12)]
    wishes: list[Coroutine[Any, Any, object]] = []
    for number, job_id in enumerate(made):
        if number % 3 == 0:
            wishes.append(stage.store.retry(job_id, "local", run=1))
        if number % 4 == 0:
            wishes.append(stage.store.delete(job_id, "local"))
        wishes.append(stage.store.expire_job(seconds=7 * DAY))

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(asyncio.run, wishes))

    expired = [answer for answer in answers if isinstance(answer, str)]
    assert len(set(expired)) == len(expired)
    assert not set(expired) & set(there(stage))
    gone = set(made) - set(there(stage))
    assert noted(stage) >= {document_key(job_id) for job_id in gone}
    assert not noted(stage) & {document_key(job_id) for job_id in there(stage)}
    for job_id in there(stage):
        assert len(stage.rows(job_id)) == 2
    stage.close()


def test_what_is_old_but_wanted_stays(stage: Stage) -> None:
    stage.submit("aaaa")
    stage.submit_upload(stage.upload(b"aaaa"))
    stage.pass_time(90_000)

    assert expire(stage, days=0) is None
    assert stage.run(stage.store.expire_documents(9)) == stage.run(stage.store.forget_keys(seconds=0, limit=9)) == 0
    with stage.engine.begin() as connection:
        assert connection.execute(sa.select(idempotency_keys)).all() == []
