"""The two Runners."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from functions.core.ports import Runner
from functions.core.threads import inline, on_threads

seen: ContextVar[str] = ContextVar("seen", default="nothing")


def fail() -> None:
    raise LookupError("of the call")


def test_a_call_on_threads_runs_elsewhere_and_returns() -> None:
    run = on_threads(2, "pool")

    async def main() -> str:
        return await run(lambda: threading.current_thread().name)

    assert asyncio.run(main()).startswith("pool_")


def test_a_call_inline_runs_here() -> None:
    async def main() -> threading.Thread:
        return await inline(threading.current_thread)

    assert asyncio.run(main()) is threading.current_thread()


@pytest.mark.parametrize("run", [inline, on_threads(1, "pool")])
def test_an_exception_comes_out_of_the_await(run: Runner) -> None:
    async def main() -> None:
        await run(fail)

    with pytest.raises(LookupError, match="of the call"):
        asyncio.run(main())


def test_a_call_sees_the_callers_context() -> None:
    run = on_threads(1, "pool")

    async def main(value: str) -> str:
        seen.set(value)
        return await run(seen.get)

    assert [asyncio.run(main(value)) for value in "ab"] == ["a", "b"]


def test_the_loop_goes_on_while_a_call_blocks() -> None:
    run = on_threads(1, "pool")
    let_go = threading.Event()

    async def main() -> bool:
        call = asyncio.ensure_future(run(let_go.wait))
        await asyncio.sleep(0)
        let_go.set()
        return await call

    assert asyncio.run(main())


def test_one_pool_serves_loops_on_several_threads() -> None:
    run = on_threads(2, "pool")
    together = threading.Barrier(2, timeout=30)

    async def main() -> int:
        return await run(together.wait)

    loops = on_threads(2, "loops")

    async def both() -> list[int]:
        return list(await asyncio.gather(*(loops(lambda: asyncio.run(main())) for _ in range(2))))

    assert sorted(asyncio.run(both())) == [0, 1]


def test_a_cancelled_await_lets_the_call_end_even_after_its_loop() -> None:
    run = on_threads(1, "pool")
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        let_go.wait()
        ended.set()

    async def cancelled() -> None:
        task = asyncio.ensure_future(run(call))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def after() -> str:
        return await run(lambda: "still served")

    asyncio.run(cancelled())
    assert not ended.is_set()
    let_go.set()
    assert asyncio.run(after()) == "still served"
    assert ended.is_set()
