"""Each of the named ways to break the product is shown by some history."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from local.simulation.campaign import play_block
from local.simulation.faults import Fault
from tests.simulation.hunt import PATIENCE, hunt
from tests.simulation.mutations import MUTATIONS, Mutation

SEEDS = range(200)

Hunts = dict[str, "Future[tuple[int, str] | None]"]


@pytest.fixture(scope="module")
def hunts() -> Iterator[Hunts]:
    """All hunts under way, one a core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {each.name: pool.submit(hunt, each, SEEDS) for each in MUTATIONS}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(len(MUTATIONS) * PATIENCE)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_history_shows(mutation: Mutation, hunts: Hunts) -> None:
    found = hunts[mutation.name].result()
    assert found, "no history shows it"
    seed, promise = found
    assert seed >= 0, promise


@pytest.mark.parametrize("only", sorted({mutation.only for mutation in MUTATIONS}), ids=str)
def test_without_a_mutation_the_same_faults_show_nothing(only: tuple[Fault, ...]) -> None:
    assert not play_block(range(12), only).broken


def test_every_mutation_has_a_name_of_its_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 25
