"""Stacks that several files of acceptance tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from local.stack import Stack
from tests.fixtures.postgres import empty_database
from tests.fixtures.running import Running, running

NewDatabase = Callable[[], str | None]


@pytest.fixture(scope="package", params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    """Makes the database of a stack; what uses it runs once on each kind. None is the state directory's file."""
    if request.param == "sqlite":
        yield lambda: None
        return
    with ExitStack() as held:
        server = request.getfixturevalue("postgres_url")
        yield lambda: held.enter_context(empty_database(server))


@pytest.fixture(scope="package")
def piecewise(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Running]:
    """A model that answers soon but in any order, and never to what contains POISON; small limits for results."""
    limits = {"PIECEWISE_INLINE_RESULT_BYTES": "4000", "PIECEWISE_RESPONSE_BYTES": "8000"}
    where = tmp_path_factory.mktemp("piecewise")
    with running(
        where, env=limits, database_url=new_database(), latency="0.02", latency_sigma="1.5", poison="POISON"
    ) as (seen, _):
        yield seen


@pytest.fixture(scope="package")
def slow_model(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Running]:
    """A model that takes 5 s a chunk."""
    where = tmp_path_factory.mktemp("slow")
    with running(where, concurrency=4, database_url=new_database(), latency="5") as (seen, _):
        yield seen


@pytest.fixture(scope="package")
def crowd(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[tuple[Running, Stack]]:
    """A stack with 64 chunks in work at once and a model that takes about a fifth of a second."""
    where = tmp_path_factory.mktemp("crowd")
    with running(where, concurrency=64, database_url=new_database(), latency="0.2", latency_sigma="0.3") as both:
        yield both
