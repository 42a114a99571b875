"""The writer of results: takes what is ready, never waits for company, and keeps what has been paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from functions.chunk_worker.writer import Writer
from functions.core.background import background
from functions.core.errors import StoreUnavailable
from functions.core.model import ChunkResult, Moved
from functions.core.store_port import Store
from tests.fakes.stage import FixedDeadline
from tests.fixtures.virtual_time import run_virtual


@dataclass
class Book:
    """The one method of a store that a writer calls; `troubles` are raised first, one a call."""

    troubles: list[Exception] = field(default_factory=list)
    poison: int = -1
    written: list[tuple[str, list[int]]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def complete(self, job_id: str, results: Sequence[ChunkResult]) -> Moved:
        """Note the transaction."""
        if self.gate:
            await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        indexes = [result.chunk_index for result in results]
        if self.poison in indexes:
            raise ValueError("a value that the database refuses")
        self.written.append((job_id, indexes))
        return Moved(frozenset(indexes), True, 1)


async def write(book: Book, *items: tuple[str, int], left: float = 300.0) -> list[Any]:
    """Hand in all results at once; what each of them was told."""
    writer = Writer(cast("Store", book), FixedDeadline(left), margin=5)
    async with background(writer.run()):
        waiting = [writer.write(job_id, ChunkResult(index, "r")) for job_id, index in items]
        return await asyncio.gather(*waiting, return_exceptions=True)


def test_what_is_ready_goes_in_one_transaction_a_job() -> None:
    book = Book()

    told = asyncio.run(write(book, ("b", 2), ("a", 1), ("b", 0)))

    assert sorted(book.written) == [("a", [1]), ("b", [2, 0])]  # the store puts the rows in index order
    assert [moved.all_done for moved in told] == [True, True, False]  # one of a transaction wakes the finalizer


def test_the_first_result_does_not_wait_for_company() -> None:
    async def story() -> list[tuple[str, list[int]]]:
        book = Book(gate=asyncio.Event())
        assert book.gate
        writer = Writer(cast("Store", book), FixedDeadline(), margin=5)
        async with background(writer.run()):
            first = asyncio.ensure_future(writer.write("a", ChunkResult(0, "r")))
            for _ in range(5):
                await asyncio.sleep(0)
            later = [asyncio.ensure_future(writer.write("a", ChunkResult(index, "r"))) for index in (1, 2)]
            book.gate.set()
            await asyncio.gather(first, *later)
        return book.written

    assert asyncio.run(story()) == [("a", [0]), ("a", [1, 2])]


def test_a_group_that_is_refused_is_written_row_by_row() -> None:
    book = Book(poison=1)

    told = asyncio.run(write(book, ("a", 0), ("a", 1), ("a", 2)))

    assert book.written == [("a", [0]), ("a", [2])]
    assert isinstance(told[1], ValueError)


def test_a_result_is_kept_through_an_outage_until_the_deadline_is_near() -> None:
    book = Book(troubles=[StoreUnavailable("away")] * 30)

    [moved] = run_virtual(write(book, ("a", 0)))

    assert moved.chunk_indexes == {0}


@pytest.mark.parametrize("left", [0.0, 5.4])
def test_near_the_deadline_it_is_given_up(left: float) -> None:
    book = Book(troubles=[StoreUnavailable("away")] * 30)

    [told] = run_virtual(write(book, ("a", 0), left=left))

    assert isinstance(told, StoreUnavailable)
