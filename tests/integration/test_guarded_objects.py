"""The object of a request is noted for deletion before it is written, until its job strikes the note off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from functions.core.chunking import split
from functions.core.errors import DocumentsUnavailable, Retryable, StoreUnavailable
from functions.core.keys import document_key
from functions.core.model import Idempotency, NewJob, Source
from functions.core.store.tables import deletions
from functions.core.wiring import Parts, make_timing
from tests.fakes.caller import Answer, Caller
from tests.fakes.meanwhile import unanswered
from tests.fakes.stage import Stage

TEXT = "aaaabbbb"


class Before:
    """Parts of the world in which something happens before one method, or instead of it; then it is as always."""

    def __init__(self, inner: Any, method: str, happen: Any) -> None:
        self._inner, self._method, self._happen = inner, method, happen

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._method:
            return real

        async def changed(*given: Any, **named: Any) -> Any:
            self._happen()
            return await real(*given, **named)

        return changed


def dies() -> None:
    """The process is killed."""
    raise SystemExit


def is_away() -> None:
    """No connection."""
    raise StoreUnavailable("the connection broke")


def post(parts: Parts, text: str = TEXT, **headers: str) -> Answer:
    """A request with a text."""
    return Caller(parts)("POST", "/v1/analyze", body=text, headers={"content-type": "text/plain", **headers})


def noted(stage: Stage) -> dict[str, int]:
    """Keys of the objects that are to go, and when."""
    with stage.engine.begin() as connection:
        return {row.object_key: row.due_at for row in connection.execute(sa.select(deletions))}


def pass_late(stage: Stage) -> None:
    """Until no request can be under way any more."""
    stage.pass_time(make_timing(stage.settings).late_ms / 1000 + 1)


def begun(stage: Stage, key: Idempotency | None = None) -> NewJob:
    """A job whose object is there, and that is about to be written down."""
    job_id = stage.new_job_id()
    source = Source(document_key(job_id))
    standing = stage.run(stage.store.begin_submit("local", key.key if key else None, source.key))
    assert standing.object_due_at
    stage.documents.objects[source.key] = TEXT.encode()
    job = NewJob(job_id, "local", "script", None, 4, 3, source, 8, 8, bom_removed=False, idempotency=key)
    return replace(job, object_due_at=standing.object_due_at)


def test_an_accepted_job_keeps_its_object_for_good(stage: Stage) -> None:
    answer = post(stage.parts)
    assert (answer.status, noted(stage)) == (202, {})

    pass_late(stage)
    stage.reconcile()

    assert list(stage.documents.objects) == [f"documents/{answer.json['job_id']}"]


@pytest.mark.parametrize(("happen", "status"), [(dies, 500), (is_away, 503)])
def test_the_object_of_a_job_that_never_came_goes_when_no_request_can_be_under_way(
    stage: Stage, happen: Any, status: int
) -> None:
    store: Any = Before(stage.store, "create_job", happen)
    documents: Any = Before(stage.documents, "delete", dies)  # who is dead takes nothing back
    assert post(replace(stage.parts, store=store, documents=documents)).status == status
    [key] = stage.documents.objects
    assert set(noted(stage)) == {key}

    stage.reconcile()
    assert key in stage.documents.objects
    pass_late(stage)
    stage.reconcile()

    assert (stage.documents.objects, noted(stage)) == ({}, {})


def test_what_the_bucket_did_not_take_back_goes_later(stage: Stage) -> None:
    """Of two requests with one key the second finds the first one's job when it has written its object."""
    documents: Any = Before(stage.documents, "delete", lambda: refuse())
    key = {"idempotency-key": "k"}
    store: Any = Before(stage.store, "create_job", lambda: stage_of_another(stage, key))

    def refuse() -> None:
        raise DocumentsUnavailable("no route")

    answer = post(replace(stage.parts, store=store, documents=documents), **key)

    assert (answer.status, answer.headers["idempotency-replayed"]) == (202, "true")
    assert len(stage.documents.objects) == 2
    pass_late(stage)
    stage.reconcile()
    assert set(stage.documents.objects) == {f"documents/{answer.json['job_id']}"}
    assert noted(stage) == {}


def stage_of_another(stage: Stage, key: dict[str, str]) -> None:
    """Another process serves the same request meanwhile."""
    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(post, stage.parts, **key).result().status == 202


@pytest.mark.parametrize("reconciled", [False, True])
def test_a_request_that_was_frozen_for_too_long_is_503_and_nothing_is_half(stage: Stage, reconciled: bool) -> None:
    def freeze() -> None:
        pass_late(stage)
        if reconciled:
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(stage.reconcile).result()

    store: Any = Before(stage.store, "create_job", freeze)
    answer = post(replace(stage.parts, store=store), **{"idempotency-key": "k"})

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert stage.documents.objects == {}
    assert stage.run(stage.store.list_jobs("local", status=None, before=None, limit=9)) == []
    again = post(stage.parts, **{"idempotency-key": "k"})
    assert (again.status, "idempotency-replayed" in again.headers) == (202, False)
    stage.reconcile()
    assert set(stage.documents.objects) == {f"documents/{again.json['job_id']}"}


def test_a_pass_that_was_there_first_is_not_taken_for_the_note(stage: Stage) -> None:
    """It has stamped the row ahead, and may be deleting the object at this moment."""
    job = begun(stage)
    pass_late(stage)
    assert [each.key for each in stage.run(stage.store.due_deletions(9))] == [job.source.key]

    with pytest.raises(Retryable):
        stage.run(stage.store.create_job(job, None))

    assert set(noted(stage)) == {job.source.key}


def test_a_pass_goes_by_a_note_that_a_job_is_striking_off(fresh_postgres: str) -> None:
    stage = Stage.on(fresh_postgres)
    job = begun(stage)
    pass_late(stage)  # while the transaction that struck it off in time is still to commit
    with stage.engine.begin() as connection:
        connection.execute(sa.delete(deletions).where(deletions.c.object_key == job.source.key))
        assert stage.run(stage.store.due_deletions(9)) == []
    stage.close()


@pytest.mark.parametrize("key", [None, Idempotency("k", "a" * 64)])
def test_a_commit_whose_answer_was_lost_finds_its_job_though_the_note_is_struck(
    stage: Stage, key: Idempotency | None
) -> None:
    job = begun(stage, key)

    assert stage.run(unanswered(stage).create_job(job, split(TEXT, 4))) is None
    assert stage.run(stage.store.create_job(job, split(TEXT, 4))) is None

    assert noted(stage) == {}
    assert stage.job(job.job_id).progress.total == 2


def test_a_job_deleted_before_its_lost_commit_was_run_again_does_not_come_back(stage: Stage) -> None:
    job = begun(stage)
    stage.run(stage.store.create_job(job, None))
    stage.run(stage.store.delete(job.job_id, "local"))
    left = noted(stage)

    with pytest.raises(Retryable):
        stage.run(stage.store.create_job(job, None))

    assert stage.run(stage.store.job(job.job_id, "local")) is None
    assert noted(stage) == left


def test_a_note_whose_answer_was_lost_is_made_once_and_good(stage: Stage) -> None:
    source = Source(document_key(stage.new_job_id()))
    standing = stage.run(unanswered(stage).begin_submit("local", None, source.key))

    assert noted(stage) == {source.key: standing.object_due_at}


def test_nothing_is_noted_where_no_object_will_be_written(stage: Stage) -> None:
    assert post(stage.parts, **{"idempotency-key": "k"}).status == 202

    assert post(stage.parts, **{"idempotency-key": "k"}).status == 202  # replayed
    assert stage.run(stage.store.begin_submit("local", None, None)).object_due_at is None
    assert post(stage.with_settings(max_live_jobs=1).parts).status == 429
    assert post(stage.with_settings(max_chunks=1).parts, "x" * 9_000).status == 422

    assert noted(stage) == {}
