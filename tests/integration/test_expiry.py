"""What is kept long enough goes, by itself; and what is deleted is gone from the bucket for good."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, insert, select

from functions.core import disposal
from functions.core.errors import DocumentsUnavailable, StoreUnavailable
from functions.core.jobs import JobStatus
from functions.core.store.tables import deletions, documents, idempotency_keys
from functions.core.uploads import Deletion
from functions.core.wiring import make_timing
from functions.reconciler import expiry
from functions.reconciler.expiry import Expiry
from tests.fakes.stage import FixedDeadline, Stage
from tests.fixtures.logs import LogLines
from tests.fixtures.virtual_time import run_virtual

DAY = 86_400


def count(stage: Stage, table: object) -> int:
    """The rows of a table."""
    with stage.engine.begin() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def ended(stage: Stage, text: str = "aaaa", *, days_ago: float) -> str:
    """A job that ended so long ago."""
    job_id = stage.submit(text)
    stage.settle(job_id)
    stage.change_job(job_id, finished_at=stage.job_row(job_id).finished_at - round(days_ago * DAY * 1000))
    return job_id


def note(stage: Stage, *noted: Deletion) -> None:
    """Deletions that are due."""
    with stage.engine.begin() as connection:
        connection.execute(
            insert(deletions),
            [{"object_key": d.key, "version": d.version, "upload_id": d.upload_id, "due_at": 0} for d in noted],
        )


def test_a_job_goes_when_it_was_kept_for_its_days_and_its_objects_with_it(stage: Stage) -> None:
    old, young = ended(stage, days_ago=31), ended(stage, days_ago=29)
    running = stage.submit("bbbb")
    month = stage.with_settings(retention_days=30)

    month.reconcile()

    assert stage.run(stage.store.job(old, "local")) is None
    assert (stage.job(young).status, stage.job(running).status) == (JobStatus.COMPLETED, JobStatus.PENDING)
    assert f"documents/{old}" in stage.documents.objects  # a function under way might still write one
    stage.pass_time(make_timing(stage.settings).late_ms / 1000 + 1)
    month.reconcile()
    assert set(stage.documents.objects) == {f"documents/{young}", f"documents/{running}"}
    assert count(stage, deletions) == 0


def test_without_retention_jobs_are_kept_for_ever(stage: Stage) -> None:
    job_id = ended(stage, days_ago=9_999)

    stage.reconcile()

    assert stage.job(job_id).status is JobStatus.COMPLETED


def test_an_upload_that_no_job_took_goes_and_one_that_some_job_has_stays(stage: Stage) -> None:
    unclaimed, taken = stage.upload(b"aaaa"), stage.upload(b"bbbb")
    job_id = stage.submit_upload(taken)
    stage.settle(job_id)
    stage.reconcile()
    assert count(stage, documents) == 2

    stage.pass_time(stage.settings.upload_life + 1)
    stage.reconcile()
    stage.pass_time(9_999)
    stage.reconcile()

    assert stage.run(stage.store.document(unclaimed.document_id, "local")) is None
    assert stage.documents.objects == {taken.key: b"bbbb"}


def test_more_uploads_than_a_page_go_in_one_pass(sqlite_stage: Stage) -> None:
    for _ in range(expiry.PAGE + 3):
        sqlite_stage.upload(b"a")
    sqlite_stage.pass_time(sqlite_stage.settings.upload_life + 1)

    sqlite_stage.reconcile()

    assert count(sqlite_stage, documents) == 0
    assert count(sqlite_stage, deletions) == expiry.PAGE + 3
    sqlite_stage.pass_time(9_999)
    sqlite_stage.reconcile()
    assert (count(sqlite_stage, deletions), sqlite_stage.documents.objects) == (0, {})


def test_idempotency_keys_are_forgotten_after_their_life(stage: Stage) -> None:
    row = {"owner": "local", "idempotency_key": "k", "job_id": "j", "fingerprint": "f"}
    now = stage.job_row(stage.submit("a")).created_at
    with stage.engine.begin() as connection:
        connection.execute(insert(idempotency_keys), [{**row, "created_at": now}])
    stage.pass_time(stage.settings.idempotency_life - 60)
    stage.reconcile()
    assert count(stage, idempotency_keys) == 1

    stage.pass_time(61)
    stage.reconcile()

    assert count(stage, idempotency_keys) == 0


def test_an_upload_under_way_is_ended_with_what_it_has_sent(stage: Stage) -> None:
    upload_id = stage.run(stage.uploads.begin("uploads/d", content_type="text/plain", from_client=True))
    note(stage, Deletion("uploads/d", upload_id=upload_id))

    stage.reconcile()

    assert (stage.uploads.uploads, count(stage, deletions)) == ({}, 0)


def test_a_version_is_deleted_as_that_version(sqlite_stage: Stage) -> None:
    seen: list[tuple[str, str | None]] = []

    async def delete(key: str, *, version: str | None = None) -> None:
        seen.append((key, version))

    sqlite_stage.documents.delete = delete  # type: ignore[method-assign]
    note(sqlite_stage, Deletion("uploads/a", version="v1"), Deletion("uploads/b"))
    sqlite_stage.reconcile()

    assert seen == [("uploads/a", "v1"), ("uploads/b", None)]


def test_what_s3_refuses_is_tried_again_and_stops_no_other(stage: Stage, log_lines: LogLines) -> None:
    stage.documents.objects = {"a": b"", "b": b"", "c": b"", "d": b""}
    note(stage, *(Deletion(key) for key in "abcd"))
    real = stage.documents.delete

    async def delete(key: str, *, version: str | None = None) -> None:
        if key == "b":
            raise DocumentsUnavailable("S3 DeleteObject: AccessDenied")
        if key == "c":
            raise ZeroDivisionError
        await real(key, version=version)

    stage.documents.delete = delete  # type: ignore[method-assign]
    stage.reconcile()
    assert (set(stage.documents.objects), count(stage, deletions)) == ({"b", "c"}, 2)
    assert {line["key"] for line in log_lines() if "key" in line} == {"b", "c"}

    stage.documents.delete = real  # type: ignore[method-assign]
    stage.reconcile()
    assert count(stage, deletions) == 2  # not at once: they are stamped ahead
    stage.pass_time(9_999)
    stage.reconcile()
    assert (stage.documents.objects, count(stage, deletions)) == ({}, 0)


def test_a_bucket_that_is_away_is_asked_for_one_page_and_no_more(sqlite_stage: Stage) -> None:
    note(sqlite_stage, *(Deletion(f"{number:03}") for number in range(4 * disposal.MOST)))
    sqlite_stage.documents.away = True

    sqlite_stage.reconcile()

    with sqlite_stage.engine.begin() as connection:
        stamped = connection.execute(select(func.count()).where(deletions.c.due_at > 0)).scalar_one()
    assert stamped == disposal.MOST


def test_a_kill_between_the_deletion_and_its_record_deletes_twice_and_harms_nothing(stage: Stage) -> None:
    stage.documents.objects = {"a": b""}
    note(stage, Deletion("a"))
    real = stage.store.deleted

    async def killed(_gone: object) -> None:
        raise StoreUnavailable("away")

    stage.store.deleted = killed  # type: ignore[method-assign,assignment]
    stage.reconcile()
    assert (stage.documents.objects, count(stage, deletions)) == ({}, 1)

    stage.store.deleted = real  # type: ignore[method-assign]
    stage.pass_time(9_999)
    stage.reconcile()
    assert count(stage, deletions) == 0


def test_one_step_s_trouble_does_not_stop_the_others(sqlite_stage: Stage) -> None:
    sqlite_stage.upload(b"a")
    sqlite_stage.pass_time(sqlite_stage.settings.upload_life + 1)

    async def broken(**_: float) -> str | None:
        raise StoreUnavailable("away")

    sqlite_stage.store.expire_job = broken  # type: ignore[method-assign]
    sqlite_stage.with_settings(retention_days=1).reconcile()

    assert count(sqlite_stage, documents) == 0


def test_a_pass_spends_no_more_than_its_seconds_on_it(sqlite_stage: Stage) -> None:
    """Leases wait for nobody: the next pass begins on time."""
    note(sqlite_stage, *(Deletion(f"{number:03}") for number in range(disposal.MOST + 1)))

    async def late() -> None:
        began = asyncio.get_running_loop().time() - expiry.SECONDS
        await Expiry(sqlite_stage.parts, FixedDeadline(300), began).run()

    sqlite_stage.run(late())

    assert count(sqlite_stage, deletions) == disposal.MOST + 1


def test_a_bucket_that_is_silent_is_waited_for_once_a_pass_and_holds_half_of_the_threads(sqlite_stage: Stage) -> None:
    note(sqlite_stage, *(Deletion(f"{number:03}") for number in range(3 * disposal.MOST)))
    asked: list[str] = []

    async def hang(key: str, *, version: str | None = None) -> None:
        asked.append(key)
        await asyncio.Event().wait()

    async def reconcile() -> float:
        await Expiry(sqlite_stage.parts, sqlite_stage.deadline).run()
        return asyncio.get_running_loop().time()

    sqlite_stage.documents.delete = hang  # type: ignore[method-assign]

    assert run_virtual(reconcile()) == disposal.SECONDS
    assert len(asked) == sqlite_stage.settings.threads // 2
    assert count(sqlite_stage, deletions) == 3 * disposal.MOST


def test_one_silent_object_keeps_no_other_from_going_and_ends_the_pass(sqlite_stage: Stage) -> None:
    note(sqlite_stage, *(Deletion(f"{number:03}") for number in range(2 * disposal.MOST)))
    real = sqlite_stage.documents.delete

    async def hang(key: str, *, version: str | None = None) -> None:
        if key == "000":
            await asyncio.Event().wait()
        await real(key, version=version)

    sqlite_stage.documents.delete = hang  # type: ignore[method-assign]

    async def reconcile() -> None:
        await Expiry(sqlite_stage.parts, sqlite_stage.deadline).run()

    run_virtual(reconcile())

    assert count(sqlite_stage, deletions) == disposal.MOST + 1


def test_a_job_that_cannot_go_is_tried_once_a_pass_and_logged(sqlite_stage: Stage, log_lines: LogLines) -> None:
    tries = 0

    async def broken(*, seconds: float) -> str | None:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    sqlite_stage.store.expire_job = broken  # type: ignore[method-assign]
    sqlite_stage.with_settings(retention_days=1).reconcile()

    assert tries == 1
    assert [line["step"] for line in log_lines() if line["message"] == "a step of the reconciler met a bug"] == [
        "expire jobs"
    ]


@pytest.mark.parametrize("seconds", [0, 4.9])
def test_a_pass_without_time_deletes_nothing(sqlite_stage: Stage, seconds: float) -> None:
    note(sqlite_stage, Deletion("a"))
    sqlite_stage.deadline = FixedDeadline(seconds)

    sqlite_stage.reconcile()

    assert count(sqlite_stage, deletions) == 1
