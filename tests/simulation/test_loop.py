"""The loop of a simulation: virtual time, and processes that die, freeze and have clocks of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from random import Random
from typing import Any

import pytest

from local.simulation.loop import SimulatedLoop, Standstill
from local.simulation.process import Process
from local.simulation.story import Violation

Main = Callable[[SimulatedLoop], Coroutine[Any, Any, None]]


def play(main: Main, strike: Callable[[Process], bool] = lambda _: False, seed: int = 1) -> SimulatedLoop:
    loop = SimulatedLoop(Random(seed), strike)
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.bury()
        loop.close()
    return loop


def started(loop: SimulatedLoop, process: Process, work: Coroutine[Any, Any, None]) -> None:
    loop.create_task(work, context=process.context())


async def note(lines: list[str], *words: str, pause: float = 1.0) -> None:
    for word in words:
        lines.append(word)
        await asyncio.sleep(pause)


def test_hours_pass_at_once() -> None:
    async def main(_: SimulatedLoop) -> None:
        await asyncio.sleep(3 * 3600)

    assert play(main).now == 3 * 3600


def test_the_dead_take_no_step_more() -> None:
    lines: list[str] = []

    async def main(loop: SimulatedLoop) -> None:
        process = Process("p")
        started(loop, process, note(lines, "one", "two", "three"))
        await asyncio.sleep(1.5)
        loop.kill(process)
        await asyncio.sleep(10)

    play(main)
    assert lines == ["one", "two"]


def test_what_a_dead_process_leaves_behind_has_no_effect() -> None:
    lines: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            await note(lines, "cleaned up")

    async def main(loop: SimulatedLoop) -> None:
        process = Process("p")
        started(loop, process, work())
        await asyncio.sleep(1)
        loop.kill(process)
        await asyncio.sleep(10)
        assert lines == []

    play(main)


def test_the_frozen_go_on_where_they_were_after_the_thaw() -> None:
    times: list[float] = []

    async def work(loop: SimulatedLoop) -> None:
        for _ in range(3):
            times.append(loop.now)
            await asyncio.sleep(1)

    async def main(loop: SimulatedLoop) -> None:
        process = Process("p")
        started(loop, process, work(loop))
        await asyncio.sleep(0.5)
        loop.freeze(process, 60)
        await asyncio.sleep(100)

    play(main)
    assert times == [0, 60.5, 61.5]


def test_a_fast_clock_wakes_its_process_early() -> None:
    woke: list[float] = []

    async def work(loop: SimulatedLoop) -> None:
        await asyncio.sleep(11)
        woke.append(round(loop.now, 6))

    async def main(loop: SimulatedLoop) -> None:
        started(loop, Process("p", rate=1.1), work(loop))
        await asyncio.sleep(20)

    play(main)
    assert woke == [10]


def test_a_strike_keeps_a_mortal_process_from_its_step() -> None:
    lines: list[str] = []
    struck = Process("struck")

    async def main(loop: SimulatedLoop) -> None:
        def strike(process: Process) -> bool:
            if process is struck and lines == ["one"]:
                loop.kill(process)
            return not process.alive

        loop._strike = strike
        started(loop, struck, note(lines, "one", "two"))
        await asyncio.sleep(10)

    play(main)
    assert lines == ["one"]


def test_steps_of_different_processes_are_taken_in_an_order_that_the_seed_draws() -> None:
    def order(seed: int) -> list[str]:
        lines: list[str] = []

        async def main(loop: SimulatedLoop) -> None:
            for name in "abcdef":
                started(loop, Process(name), note(lines, name, pause=0))
            await asyncio.sleep(1)

        play(main, seed=seed)
        return lines

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(5)}) > 1


def test_what_is_to_happen_in_an_empty_context_is_of_no_process() -> None:
    told: list[str] = []

    async def work(loop: SimulatedLoop, process: Process) -> None:
        loop.call_soon(told.append, "told", context=Context())
        loop.kill(process)

    async def main(loop: SimulatedLoop) -> None:
        process = Process("p")
        started(loop, process, work(loop, process))
        await asyncio.sleep(1)

    play(main)
    assert told == ["told"]


def test_a_world_in_which_nothing_can_happen_is_not_waited_for() -> None:
    async def main(loop: SimulatedLoop) -> None:
        await loop.create_future()

    with pytest.raises(Standstill):
        play(main)


def test_an_error_of_the_world_itself_ends_the_history() -> None:
    async def breaks() -> None:
        raise Violation("a promise")

    async def main(loop: SimulatedLoop) -> None:
        loop.spawn(breaks())
        await asyncio.sleep(1)

    with pytest.raises(Violation, match="a promise"):
        play(main)
