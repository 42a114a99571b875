"""The model is the product: each of its transactions, and random histories of them, taken by the real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from functions.core.model import NewJob
from tests.simulation.model.conformance import disagreement, transactions, walk
from tests.simulation.model.deeds import TRANSACTIONS
from tests.simulation.model.mutations import MUTATIONS
from tests.simulation.model.protocol import begin
from tests.simulation.model.rules import Setup
from tests.simulation.model.states import Budget, Rows, State, Step
from tests.simulation.model.story import sentence
from tests.simulation.model.twin import JOB, OWNER, SOURCE, Twin, seen_from_outside, span_of

EVERYTHING = Budget(*(1,) * len(Budget._fields))
LASTING = EVERYTHING._replace(cancel=0, delete=0, retry=2, error=3)
NO_TRANSACTION = {  # an order of effects, what a worker does next, and how a job begins
    "send before commit",
    "a claim that is not wanted is not given up",
    "a plan without plan_due_at",
}
LONG = {"finish without the run guard"}  # "without asking the counters" drops the same guard, and is found sooner
WORLDS = {
    "a zombie": Setup(1, Budget(crash=1, freeze=1), workers=1),
    "two workers": Setup(1, Budget(freeze=1)),
    "an outage and an error": Setup(1, Budget(error=1, outage=1)),
    "two chunks retried": Setup(2, Budget(copy=1, error=1, retry=1)),
    "two chunks cancelled": Setup(2, Budget(copy=1, cancel=1)),
    "deleted": Setup(1, Budget(crash=1, delete=1)),
    "buried and retried": Setup(1, Budget(copy=1, bury=1, retry=1)),
    "two finalizers": Setup(1, Budget(crash=1, freeze=1), workers=1, finalizers=2),
    "planned, two crashes": Setup(1, Budget(crash=2), workers=0, planners=1),
    "planned, an outage": Setup(1, Budget(outage=1), workers=0, planners=1),
    "planned, buried and retried": Setup(1, Budget(bury=1, retry=1), workers=0, planners=1),
    "planned and retried": Setup(1, Budget(error=1, retry=1), workers=1, planners=1),
    "a lost answer": Setup(1, Budget(answer=1, error=1), workers=1),
    "planned, a lost answer": Setup(2, Budget(answer=1), workers=1, planners=1),
    "planned by two": Setup(2, Budget(freeze=1), workers=1, planners=2),
}


@cache
def transactions_of(name: str) -> tuple[tuple[State, Step, State], ...]:
    """Every transaction of one of these worlds, found once."""
    return tuple(transactions(WORLDS[name]))


@pytest.fixture
def twin_of(tmp_path: Path) -> Iterator[Callable[[Setup], Twin]]:
    """Makes the real store for a world."""
    made: list[Twin] = []

    def make(setup: Setup) -> Twin:
        made.append(Twin(str(tmp_path / f"{len(made)}.db"), setup))
        return made[-1]

    yield make
    for twin in made:
        twin.close()


@pytest.mark.parametrize("name", WORLDS)
def test_every_transaction_of_a_world_is_the_real_stores(name: str, twin_of: Callable[[Setup], Twin]) -> None:
    twin = twin_of(WORLDS[name])

    for before, step, after in transactions_of(name):
        assert not disagreement(twin, before, step, after), f"{before.rows}"


def test_the_worlds_need_every_transaction_of_the_model() -> None:
    assert {step.verb for name in WORLDS for _, step, _ in transactions_of(name)} == set(TRANSACTIONS)


@pytest.mark.parametrize("budget", [EVERYTHING, LASTING], ids=["all wishes", "lasting"])
@pytest.mark.parametrize("planners", [0, 1])
def test_random_histories_are_the_real_stores(planners: int, budget: Budget, twin_of: Callable[[Setup], Twin]) -> None:
    setup = Setup(3, budget, planners=planners)
    twin = twin_of(setup)

    for seed in range(12):
        history = walk(twin, setup, seed)
        told = "\n".join(sentence(step) for step, _ in history)
        assert not history[-1][1], f"seed {seed}: {history[-1][1]}\n{told}"


@pytest.mark.parametrize("planners", [0, 1])
def test_a_job_begins_as_the_real_store_creates_it(planners: int, twin_of: Callable[[Setup], Twin]) -> None:
    setup = Setup(3, planners=planners)
    twin = twin_of(setup)
    twin.install(Rows(None, ()))
    job = NewJob(JOB, OWNER, "script", None, 1, setup.max_attempts, SOURCE, 3, 3, bom_removed=False)

    twin.run(twin.store.create_job(job, None if planners else [span_of(index) for index in range(3)]))

    assert twin.look() == seen_from_outside(begin(setup).rows)


@pytest.mark.parametrize("name", sorted(set(MUTATIONS) - NO_TRANSACTION - LONG))
def test_a_model_without_a_guard_is_not_the_real_store(name: str, twin_of: Callable[[Setup], Twin]) -> None:
    """Or the comparison would not see what the guard is for."""
    broken = MUTATIONS[name].broken
    twin = twin_of(broken)

    assert any(disagreement(twin, before, step, after) for before, step, after in transactions(broken))
