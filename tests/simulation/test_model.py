"""The protocol, explored whole in small worlds: nothing is lost, nothing is counted twice, every job can end."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from functions.core.jobs import ChunkStatus, JobStatus
from tests.simulation.model import states
from tests.simulation.model.checker import TooMany, explore
from tests.simulation.model.mutations import MUTATIONS
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import Budget
from tests.simulation.model.story import story
from tests.simulation.model.worlds import LARGE, SMALL


def _within(setup: Setup, larger: Setup) -> bool:
    """Every history of the one is one of the other: nothing but less may happen in it."""
    alike = replace(setup, budget=larger.budget) == larger
    return alike and all(few <= many for few, many in zip(setup.budget, larger.budget, strict=True))


# worlds of mutations, each once; what is part of another world that is explored here is left to that one
_OWN = {mutation.setup: name for name, mutation in MUTATIONS.items()}
_OWN = {setup: name for setup, name in _OWN.items() if setup not in [*SMALL.values(), *LARGE.values()]}
SOUND = {
    name: setup
    for setup, name in _OWN.items()
    if not any(_within(setup, other) for other in {*SMALL.values(), *_OWN} - {setup})
}
explored = cache(explore)


@pytest.mark.parametrize("name", SMALL)
def test_every_interleaving_keeps_the_promises_and_every_job_can_end(name: str) -> None:
    verdict = explored(SMALL[name])

    assert not verdict.wrong, story(verdict)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_protocol_without_one_of_its_guards_is_found_out(name: str) -> None:
    verdict = explore(MUTATIONS[name].broken)

    assert verdict.wrong
    assert verdict.wrong in story(verdict)


@pytest.mark.parametrize("name", SOUND)
def test_the_same_world_with_the_guard_is_sound(name: str) -> None:
    verdict = explore(SOUND[name])

    assert not verdict.wrong, story(verdict)


def test_the_worlds_cover_each_fault_each_wish_and_each_end() -> None:
    budgets = [setup.budget for setup in SMALL.values()]
    ends = explored(SMALL["1 chunk, cancelled"]).ends | explored(SMALL["2 chunks, retried, a crash"]).ends

    assert all(any(getattr(budget, name) for budget in budgets) for name in Budget._fields)
    assert {setup.chunks for setup in SMALL.values() if setup.budget.copy and setup.budget.crash} == {1, 2, 3}
    assert ends | explored(SMALL["1 chunk, retried twice"]).ends >= states.RETRIABLE | {"COMPLETED", "CANCELLED"}
    assert not set(SMALL) & set(LARGE)


def test_the_model_uses_the_words_of_the_product() -> None:
    assert {states.PENDING, states.PROCESSING, states.COMPLETED, states.FAILED} == set(ChunkStatus)
    assert states.OPEN | states.RETRIABLE | {states.COMPLETED, states.CANCELLED} == set(JobStatus)


def test_a_world_that_is_too_large_says_so() -> None:
    with pytest.raises(TooMany, match="more than 10 states"):
        explore(Setup(2, Budget(copy=1, crash=1)), most=10)


def test_a_history_begins_with_the_job_and_reads_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = explore(MUTATIONS["the last chunk sets no finalize_due_at"].broken)

    told = story(verdict)

    assert told.startswith("wrong: nothing moves any more and the job has not ended\n")
    assert "worker 0     complete 0 under 1: moved, all done" in told
    assert "job: PROCESSING, run 1, 1 completed, 0 failed of 1" in told
