"""Uploads in the database: waiting, taken by jobs, counted, expired; and what a planner learns of one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from functions.core.chunking import split
from functions.core.errors import DocumentMissing, DocumentUnreadable
from functions.core.jobs import JobStatus
from functions.core.model import Failure, NewJob, Plan, Source
from functions.core.store.tables import deletions, documents, jobs
from functions.core.uploads import DocumentView, NewDocument, PartSize
from tests.fakes.meanwhile import unanswered
from tests.fakes.stage import Stage

TEXT = "aaaabbbbcccc"
WHY = Failure("document_unreadable", "byte 7 is no UTF-8")


def view(stage: Stage, document: DocumentView, owner: str = "local") -> DocumentView | None:
    """The upload as it is now."""
    return stage.run(stage.store.document(document.document_id, owner))


def begun(stage: Stage, text: str = TEXT) -> Plan:
    """The plan of a job of an upload."""
    plan = stage.run(stage.store.begin_plan(stage.submit_upload(stage.upload(text.encode()))))
    assert plan
    return plan


def learn(stage: Stage, plan: Plan, *, skip: int = 0, size: int = len(TEXT)) -> Plan | None:
    """It is UTF-8, perhaps behind a BOM."""
    source = replace(plan.source, skip=skip)
    work = stage.store.learn_document(
        plan, source=source, encoding="utf-8", document_bytes=size, bom_removed=bool(skip)
    )
    return stage.run(work)


# -- waiting


def test_an_upload_is_kept_as_it_was_announced(stage: Stage) -> None:
    parts = (PartSize(5 << 20, "0" * 64), PartSize(7, "1" * 64))
    new = NewDocument("d1", "local", "uploads/d1", "text/markdown", (5 << 20) + 7, None, parts, "upload")

    made = stage.run(stage.store.create_document(new))

    assert (made.parts, made.upload_id, made.sha256, made.size) == (parts, "upload", None, new.size)
    assert (made.etag, made.version, made.jobs, made.expired) == (None, None, 0, False)
    assert made.expires_at - made.created_at == pytest.approx(stage.settings.upload_life * 1000, abs=1000)
    assert view(stage, made) == made
    assert view(stage, made, "somebody") is None
    assert stage.run(unanswered(stage).create_document(replace(new, document_id="d2"))).document_id == "d2"


def test_an_upload_that_no_job_took_in_time_is_expired_and_taken_by_none(stage: Stage) -> None:
    late, taken = stage.upload(b"aaaa"), stage.upload(b"bbbb")
    stage.submit_upload(taken)
    stage.pass_time(90_000)

    assert [found and found.expired for found in (view(stage, late), view(stage, taken))] == [True, False]
    with pytest.raises(DocumentMissing):
        stage.submit_upload(late)
    stage.submit_upload(taken)
    assert stage.run(stage.store.expire_documents(9)) == 1
    assert view(stage, late) is None
    assert view(stage, taken) is not None


def test_the_oldest_uploads_expire_first_and_their_objects_are_noted(stage: Stage) -> None:
    offered = [stage.upload(b"aaaa") for _ in range(3)]
    with stage.engine.begin() as connection:
        connection.execute(sa.update(documents).values(upload_id="u"))
        for age, each in enumerate(offered):
            here = documents.c.document_id == each.document_id
            connection.execute(sa.update(documents).where(here).values(expires_at=3 - age))

    assert stage.run(stage.store.expire_documents(2)) == 2

    assert [view(stage, each) is not None for each in offered] == [True, False, False]
    with stage.engine.begin() as connection:
        noted = connection.execute(sa.select(deletions.c.object_key, deletions.c.upload_id)).all()
    assert sorted(tuple(row) for row in noted) == sorted((each.key, "u") for each in offered[1:])


# -- taken


def test_the_first_job_pins_the_version_for_all(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")
    job = stage.job_of_upload(upload)
    first = replace(job, source=replace(job.source, version="v1"))
    other = replace(job, job_id=stage.new_job_id(), source=Source(upload.key, '"other"', "v1"))
    newer = replace(first, job_id=stage.new_job_id(), source=replace(first.source, version="v2"))
    stage.run(stage.store.create_job(first, None))

    for changed in (other, newer, replace(first, job_id=stage.new_job_id(), owner="somebody")):
        with pytest.raises(DocumentMissing):
            stage.run(stage.store.create_job(changed, None))
    stage.run(stage.store.create_job(replace(first, job_id=stage.new_job_id()), None))

    found = view(stage, upload)
    assert found
    assert (found.etag, found.version, found.jobs) == (job.source.etag, "v1", 2)
    assert stage.job(first.job_id).document_id == upload.document_id


def test_a_job_whose_answer_was_lost_is_counted_once(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")

    stage.run(unanswered(stage).create_job(stage.job_of_upload(upload), None))

    found = view(stage, upload)
    assert found
    assert found.jobs == 1


def test_the_last_job_takes_the_upload_with_it(stage: Stage) -> None:
    upload = stage.upload(b"aaaa")
    first, last = stage.submit_upload(upload), stage.submit_upload(upload)

    for job_id, goes in ((first, False), (last, True)):
        left = stage.run(unanswered(stage).delete(job_id, "local"))
        assert left is not None
        assert (upload.key in [each.key for each in left]) is goes
        assert (view(stage, upload) is None) is goes
    with pytest.raises(DocumentMissing):
        stage.run(stage.store.create_job(job_of(upload, stage), None))


def job_of(upload: DocumentView, stage: Stage) -> NewJob:
    """One more job of an upload."""
    return stage.job_of_upload(upload)


def rows(stage: Stage, upload: DocumentView) -> tuple[int | None, int, int]:
    """How many jobs its row counts (None: it is gone), how many there are, how often its object is to be deleted."""
    with stage.engine.begin() as connection:
        counted = connection.scalar(sa.select(documents.c.jobs).where(documents.c.document_id == upload.document_id))
        there: Any = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.document_id == upload.document_id)
        noted: Any = sa.select(sa.func.count()).select_from(deletions).where(deletions.c.object_key == upload.key)
        return counted, connection.execute(there).scalar_one(), connection.execute(noted).scalar_one()


@pytest.mark.parametrize("expires", [False, True])
def test_fifty_threads_take_an_upload_while_it_goes(database_url: str, expires: bool) -> None:
    stage = Stage.on(database_url, threads=16)
    for _ in range(6):
        upload = stage.upload(b"aaaa")
        first = None if expires else stage.submit_upload(upload)
        made = [stage.job_of_upload(upload) for _ in range(49)]

        def act(job: NewJob | None, first: str | None = first) -> NewJob | None:
            if job is None:
                if first:
                    asyncio.run(stage.store.delete(first, "local"))
                else:
                    stage.pass_time(90_000)
                    asyncio.run(stage.store.expire_documents(9))
                return None
            try:
                asyncio.run(stage.store.create_job(job, None))
            except DocumentMissing:
                return None
            if job.job_id[-1] in "0123456789abcdef":
                asyncio.run(stage.store.delete(job.job_id, "local"))
                return None
            return job

        with ThreadPoolExecutor(50) as threads:
            kept = [job for job in threads.map(act, [*made[:9], None, *made[9:]]) if job]

        assert rows(stage, upload) == (len(kept) or None, len(kept), int(not kept))
        for job in kept:
            asyncio.run(stage.store.delete(job.job_id, "local"))
        assert rows(stage, upload) == (None, 0, 1)
    stage.close()


# -- planned


def test_a_plan_of_an_upload_says_what_its_client_announced(stage: Stage) -> None:
    upload = stage.upload(TEXT.encode(), content_type="text/plain; charset=utf-16le")
    plan = stage.run(stage.store.begin_plan(stage.submit_upload(upload)))

    assert plan
    assert (plan.encoding, plan.content_type, plan.transcode_upload) == (None, upload.content_type, None)
    assert (plan.document_id, plan.document_chars, plan.source.key) == (upload.document_id, 0, upload.key)
    of_text = stage.run(stage.store.begin_plan(stage.submit(TEXT, planned=False)))
    assert of_text
    assert (of_text.encoding, of_text.content_type, of_text.document_id) == ("utf-8", None, None)


def test_an_upload_is_learnt_cut_and_closed_with_its_characters_counted(stage: Stage) -> None:
    text = "ääääbbbb"
    plan = learn(stage, begun(stage, "\ufeff" + text), skip=3, size=12)
    assert plan
    assert (plan.encoding, plan.source.skip, plan.document_bytes) == ("utf-8", 3, 12)
    job = stage.job(plan.job_id)
    assert (job.encoding, job.bom_removed, job.document_bytes, job.document_chars) == ("utf-8", True, 12, 0)

    plan = stage.run(stage.store.add_chunks(plan, split(text, 4)))
    assert plan
    assert stage.run(stage.store.close_plan(plan))

    job = stage.job(plan.job_id)
    assert (job.document_chars, job.progress.total, job.planned_chunks) == (8, 2, 2)
    stage.check(plan.job_id)


@pytest.mark.parametrize("size", [11, 13])
def test_a_plan_that_does_not_end_where_the_upload_does_is_refused(stage: Stage, size: int) -> None:
    plan = learn(stage, begun(stage), size=size)
    assert plan
    plan = stage.run(stage.store.add_chunks(plan, split(TEXT, 4)))
    assert plan

    with pytest.raises(DocumentUnreadable, match=f"and {size} bytes"):
        stage.run(stage.store.close_plan(plan))

    assert stage.job(plan.job_id).progress.total is None


def test_nothing_is_learnt_behind_the_first_chunk_or_by_whoever_lost_the_plan(stage: Stage) -> None:
    old = begun(stage)
    stage.pass_time(3_600)
    plan = stage.run(stage.store.begin_plan(old.job_id))
    assert plan
    assert learn(stage, old) is stage.run(stage.store.begin_transcode(old, "u")) is None
    plan = learn(stage, plan)
    assert plan
    moved = stage.run(stage.store.add_chunks(plan, split(TEXT, 4)[:1]))
    assert moved

    assert learn(stage, moved, size=1) is stage.run(stage.store.begin_transcode(moved, "u")) is None
    assert stage.job_row(plan.job_id).document_bytes == len(TEXT)


def test_a_transcoding_is_noted_for_the_next_planner_until_it_is_done(stage: Stage) -> None:
    plan = begun(stage)
    noted = stage.run(unanswered(stage).begin_transcode(plan, "u1"))
    assert noted
    assert noted.transcode_upload == "u1"
    stage.pass_time(3_600)

    again = stage.run(stage.store.begin_plan(plan.job_id))
    assert again
    assert (again.transcode_upload, again.encoding) == ("u1", None)
    source = Source(f"documents/{plan.job_id}")
    work = stage.store.learn_document(again, source=source, encoding="utf-16", document_bytes=9, bom_removed=True)
    learnt = stage.run(work)

    assert learnt
    assert (learnt.source, learnt.encoding, learnt.transcode_upload) == (source, "utf-16", None)


def test_each_part_of_a_transcoding_is_progress_but_not_its_beginning(stage: Stage) -> None:
    job_id = begun(stage).job_id
    crashes = []
    for does in ("begin", "part", "nothing", "nothing"):
        stage.pass_time(3_600)
        plan = stage.run(stage.store.begin_plan(job_id))
        assert plan
        if does != "nothing":
            assert stage.run(stage.store.begin_transcode(plan, "u1"))
        crashes.append(stage.job_row(job_id).plan_crashes)
    stage.pass_time(3_600)

    assert crashes == [1, 0, 1, 2]
    assert stage.run(stage.store.begin_plan(job_id)) is None


def test_a_retry_of_a_failed_plan_keeps_what_was_learnt(stage: Stage) -> None:
    plan = learn(stage, begun(stage, "\ufeff" + TEXT), skip=3)
    assert plan
    assert stage.run(stage.store.fail_plan(plan, WHY))
    assert stage.job(plan.job_id).status is JobStatus.FAILED

    assert stage.run(stage.store.retry(plan.job_id, "local", run=1))
    again = stage.run(stage.store.begin_plan(plan.job_id))

    assert again
    assert (again.encoding, again.source, again.document_bytes) == ("utf-8", plan.source, len(TEXT))
