"""A kill between every two of {claim, call, commit, send, acknowledge}, in every room; after each the invariants."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from functions.core.errors import ProviderError
from functions.core.jobs import ACTIVE_JOB, JobStatus
from functions.core.model import ModelCall
from tests.fakes.killer import Killed, KilledStore, Killer
from tests.fakes.mail import nothing
from tests.fakes.script import at_once
from tests.fakes.stage import Stage

TEXT = "aaaabbbbcccc"


def run_with_kills(stage: Stage, job_id: str, killer: Killer) -> None:
    """Deliver messages with a killer about, as SQS does: what was not acknowledged comes back."""
    store, uploads = stage.store, stage.uploads
    stage.store = KilledStore(store, killer)  # type: ignore[assignment]
    stage.uploads = KilledStore(uploads, killer)  # type: ignore[assignment]
    stage.queues.before = killer.effect

    async def call(_call: ModelCall) -> None:
        killer.effect("call")

    stage.model.during = call
    queued = (list(stage.queues.plans), list(stage.queues.chunks), list(stage.queues.finals))
    try:
        for _ in range(2):
            queued = (list(stage.queues.plans), list(stage.queues.chunks), list(stage.queues.finals))
            stage.deliver(batch=2)
            stage.pass_time(61)
            stage.reconcile()
    except Killed:
        stage.queues.plans[:0], stage.queues.finals[:0] = queued[0], queued[2]  # not acknowledged: delivered again
        stage.queues.chunks[:0] = queued[1]
    finally:
        stage.store, stage.uploads = store, uploads
        stage.queues.before = nothing
        stage.model.during = at_once


def submit(stage: Stage, kind: str) -> str:
    """The same text on each of the ways into the system."""
    if kind in ("utf-8", "utf-16"):
        return stage.submit_upload(stage.upload(TEXT.encode(kind)))
    return stage.submit(TEXT, planned=kind == "planned")


@pytest.mark.parametrize(
    ("kind", "after"), list(itertools.product(("planned", "to plan", "utf-8", "utf-16"), (True, False)))
)
def test_a_kill_at_every_effect_loses_nothing_and_counts_nothing_twice(stage: Stage, kind: str, after: bool) -> None:
    effects = Killer(at=-1, after=after)
    run_with_kills(stage, submit(stage, kind), effects)
    assert effects.seen > 10
    looks = {"keep", "begin", "begin_transcode", "put_part", "look", "learn_document"}
    assert looks & set(effects.names) == {
        "utf-16": looks, "utf-8": {"keep", "learn_document"}
    }.get(kind, set())  # fmt: skip

    # the statements are the same; Postgres is slower to begin
    every = 1 if stage.engine.dialect.name == "sqlite" else 5
    for at in range(0, effects.seen, every):
        stage.model.calls.clear()
        stage.model.lines = {2: [ProviderError("server_error", "500")]}
        job_id = submit(stage, kind)
        run_with_kills(stage, job_id, Killer(at=at, after=after))
        job = stage.settle(job_id)

        assert job.status is JobStatus.COMPLETED, at
        assert job.analysis_result == "<aaaa>\n\n<bbbb>\n\n<cccc>"
        assert len(stage.model.calls) <= 3 + 1 + 2  # one error, and at most the two calls that were in flight
        stage.check(job_id)
        stage.queues.lose_everything()


def test_suspects_alone_a_poison_chunk_takes_no_neighbour_down(stage: Stage) -> None:
    """A chunk that kills its worker each time ends FAILED; its batch's neighbours end COMPLETED."""
    job_id = stage.submit(TEXT)

    async def poison(call: ModelCall) -> None:
        if call.chunk_index == 1:
            raise Killed

    stage.model.during = poison
    for _ in range(40):
        with contextlib.suppress(Killed):
            stage.deliver(batch=8)
        if stage.job(job_id).status not in ACTIVE_JOB:
            break
        stage.pass_time(61)
        stage.reconcile()

    job = stage.job(job_id)
    assert (job.status, job.progress.completed, job.progress.failed) == (JobStatus.PARTIAL_SUCCESS, 2, 1)
    assert stage.row(job_id, 1).error_code == "worker_crashed"
    assert stage.model.times(1) <= stage.settings.crash_limit
    stage.check(job_id)
