"""Stacks that several files of acceptance tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.fixtures.running import Running, running


@pytest.fixture(scope="package")
def piecewise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A model that answers soon but in any order, and never to what contains POISON; small limits for results."""
    limits = {"PIECEWISE_INLINE_RESULT_BYTES": "4000", "PIECEWISE_RESPONSE_BYTES": "8000"}
    where = tmp_path_factory.mktemp("piecewise")
    with running(where, env=limits, latency="0.02", latency_sigma="1.5", poison="POISON") as (seen, _):
        yield seen


@pytest.fixture(scope="package")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A model that takes 5 s a chunk."""
    with running(tmp_path_factory.mktemp("slow"), concurrency=4, latency="5") as (seen, _):
        yield seen


@pytest.fixture(scope="package")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Stack]]:
    """A stack with 64 chunks in work at once and a model that takes about a fifth of a second."""
    with running(tmp_path_factory.mktemp("crowd"), concurrency=64, latency="0.2", latency_sigma="0.3") as both:
        yield both
