"""The simulated model does what its options say, and the same for the same seed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import statistics
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from functions.core.errors import Misconfigured, ProviderError
from functions.core.model import ModelCall
from functions.core.providers.simulated import SimulatedProvider, SimulateOptions, simulated_text
from tests.fixtures.virtual_time import run_virtual


def a_call(index: int = 0, *, attempt: int = 1, text: str = "some text", job: str = "job") -> ModelCall:
    return ModelCall(job, index, attempt, text, 0, None)


def provider(clock: Any = lambda: 1000.0, scratch: Path | None = None, **options: str) -> SimulatedProvider:
    scratch_dir = str(scratch) if scratch else None
    return SimulatedProvider(SimulateOptions.parse(options), scratch_dir=scratch_dir, clock=clock)


async def outcome(model: SimulatedProvider, call: ModelCall) -> tuple[str, float]:
    """How a call ended, and the (virtual) seconds it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        await model.analyse(call)
    except ProviderError as error:
        return error.code, loop.time() - start
    return "ok", loop.time() - start


def outcomes(model: SimulatedProvider, calls: list[ModelCall]) -> list[tuple[str, float]]:
    async def all_at_once() -> list[tuple[str, float]]:
        return await asyncio.gather(*(outcome(model, call) for call in calls))

    return run_virtual(all_at_once())


def test_the_answer_names_the_chunk_and_a_digest_of_its_text() -> None:
    answer = asyncio.run(provider().analyse(a_call(3, text="été")))
    digest = hashlib.sha256("été".encode()).hexdigest()[:16]
    assert answer.text == simulated_text(3, "été") == f"chunk 3: 3 characters, sha256 {digest}"


def test_latency_is_what_each_call_takes_and_calls_overlap() -> None:
    assert outcomes(provider(latency="2"), [a_call(index) for index in range(64)]) == [("ok", 2.0)] * 64


def test_latency_is_the_median_of_a_log_normal_distribution() -> None:
    seconds = [
        took for _, took in outcomes(provider(latency="2", latency_sigma="0.5"), [a_call(i) for i in range(999)])
    ]
    assert statistics.median(seconds) == pytest.approx(2.0, rel=0.1)
    assert statistics.stdev(math.log(took) for took in seconds) == pytest.approx(0.5, rel=0.1)


def test_a_share_of_the_calls_fails_with_a_retryable_error() -> None:
    ended = outcomes(provider(error_rate="0.2"), [a_call(index) for index in range(2000)])
    failed = sum(code == "server_error" for code, _ in ended)
    assert failed == pytest.approx(400, rel=0.15)
    assert len(ended) - failed == sum(code == "ok" for code, _ in ended)


def test_another_attempt_has_another_fate() -> None:
    ended = outcomes(provider(error_rate="0.5"), [a_call(7, attempt=attempt) for attempt in range(1, 40)])
    assert {code for code, _ in ended} == {"ok", "server_error"}


def test_a_seed_gives_one_history_whatever_the_order_and_the_job() -> None:
    options: dict[str, Any] = {"latency": "1", "latency_sigma": "1", "error_rate": "0.3", "seed": "7"}
    calls = [a_call(index, attempt=attempt) for index in range(50) for attempt in (1, 2)]
    others = [a_call(call.chunk_index, attempt=call.attempt, job="another") for call in reversed(calls)]
    history = outcomes(provider(**options), calls)
    assert outcomes(provider(**options), others) == history[::-1]
    assert outcomes(provider(**{**options, "seed": "8"}), calls) != history


def test_a_poisoned_text_always_fails_so_that_it_uses_up_its_attempts() -> None:
    calls = [a_call(attempt=attempt, text="so much arsenic here") for attempt in range(1, 11)]
    assert {code for code, _ in outcomes(provider(poison="arsenic"), calls)} == {"server_error"}
    assert outcomes(provider(poison="arsenic"), [a_call()]) == [("ok", 0.0)]


def test_beyond_the_rate_limit_a_call_is_refused_and_told_when_to_come_back() -> None:
    now = [1000.0]
    model = provider(lambda: now[0], rate_limit="5", latency="1")
    assert outcomes(model, [a_call(index) for index in range(6)]) == [("ok", 1.0)] * 5 + [("rate_limited", 0.0)]
    with pytest.raises(ProviderError) as refused:
        run_virtual(model.analyse(a_call()))
    assert refused.value.retry_after == pytest.approx(0.2)
    now[0] += refused.value.retry_after or 0
    assert outcomes(model, [a_call(1), a_call(2)]) == [("ok", 1.0), ("rate_limited", 0.0)]


def test_a_rate_below_one_lets_a_call_through_every_few_seconds() -> None:
    now = [1000.0]
    model = provider(lambda: now[0], rate_limit="0.5")
    codes = []
    for _ in range(6):
        codes.append(outcomes(model, [a_call()])[0][0])
        now[0] += 1
    assert codes == ["ok", "rate_limited"] * 3


def test_a_clock_that_was_set_back_does_not_lock_the_limit() -> None:
    now = [1000.0]
    model = provider(lambda: now[0], rate_limit="1")
    assert outcomes(model, [a_call(), a_call()]) == [("ok", 0.0), ("rate_limited", 0.0)]
    now[0] = 500.0
    assert outcomes(model, [a_call()]) == [("rate_limited", 0.0)]
    now[0] = 501.0
    assert outcomes(model, [a_call()]) == [("ok", 0.0)]


def test_without_a_scratch_directory_each_process_has_its_own_limit() -> None:
    assert outcomes(provider(rate_limit="1"), [a_call()]) == [("ok", 0.0)]
    assert outcomes(provider(rate_limit="1"), [a_call()]) == [("ok", 0.0)]


CALLS_OF_A_PROCESS = """
import asyncio, sys, threading
from functions.core.errors import ProviderError
from functions.core.model import ModelCall
from functions.core.providers.simulated import SimulatedProvider, SimulateOptions

options = SimulateOptions.parse({"rate_limit": "10", "log": sys.argv[2]})
model = SimulatedProvider(options, scratch_dir=sys.argv[1], clock=lambda: 1000.0)

async def one(index):
    try:
        await model.analyse(ModelCall("job" * 20, index, 1, "text", 0, None))
    except ProviderError:
        pass

threads = [threading.Thread(target=lambda: [asyncio.run(one(i)) for i in range(10)]) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_limit_and_log_hold_across_processes_and_threads(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    command = [sys.executable, "-c", CALLS_OF_A_PROCESS, str(tmp_path), str(log)]
    root = Path(__file__).parents[2]
    processes = [subprocess.Popen(command, cwd=root) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 90
    assert sum(line["outcome"] == "ok" for line in lines) == 10
    assert sum(line["outcome"] == "rate_limited" for line in lines) == 80


def test_an_outage_lasts_as_long_as_its_file_is_there(tmp_path: Path) -> None:
    switch = tmp_path / "outage"
    model = provider(outage=str(switch), latency="1")
    assert outcomes(model, [a_call()]) == [("ok", 1.0)]
    for written, code in (("", "unavailable"), ("rate_limited\n", "rate_limited"), ("no code", "unavailable")):
        switch.write_text(written)
        assert outcomes(model, [a_call()]) == [(code, 0.0)]
    switch.unlink()
    assert outcomes(model, [a_call()]) == [("ok", 1.0)]


def test_a_damaged_limit_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "simulated-rate").write_text("not a number")
    ended = outcomes(provider(scratch=tmp_path, rate_limit="1"), [a_call(), a_call()])
    assert [code for code, _ in ended] == ["ok", "rate_limited"]


def test_every_call_leaves_one_line_however_it_ends(tmp_path: Path) -> None:
    now = iter(range(1000, 1100))
    model = provider(lambda: float(next(now)), log=str(tmp_path / "calls"), poison="arsenic")
    outcomes(model, [a_call(4, attempt=2)])
    outcomes(model, [a_call(5, text="arsenic")])
    lines = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert lines == [
        {"job_id": "job", "chunk_index": 4, "attempt": 2, "outcome": "ok", "start": 1000.0, "end": 1001.0},
        {"job_id": "job", "chunk_index": 5, "attempt": 1, "outcome": "server_error", "start": 1002.0, "end": 1003.0},
    ]


def test_a_cancelled_call_leaves_a_line_too(tmp_path: Path) -> None:
    model = provider(log=str(tmp_path / "calls"), latency="60")

    async def cut() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await model.analyse(a_call())

    run_virtual(cut())
    assert json.loads((tmp_path / "calls").read_text())["outcome"] == "cancelled"


def test_one_provider_serves_the_loops_of_many_threads() -> None:
    model = provider(rate_limit="100")
    ended: list[tuple[str, float]] = []
    threads = [threading.Thread(target=lambda: ended.extend(outcomes(model, [a_call()] * 10))) for _ in range(15)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(code == "ok" for code, _ in ended) == 100
    assert len(ended) == 150


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("latency", "-1"),
        ("latency", "soon"),
        ("latency", "nan"),
        ("latency", "inf"),
        ("latency_sigma", "11"),
        ("error_rate", "1.1"),
        ("poison", ""),
        ("rate_limit", "0"),
        ("seed", "1.5"),
        ("log", "/no/such/directory/log"),
        ("log", "/"),
        ("outage", "/no/such/directory/outage"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_option(key: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"^bad simulate option {key}='.*': {key} is [^\n]+$"):
        SimulateOptions.parse({key: value})


def test_an_unknown_option_is_one_line_that_names_those_there_are() -> None:
    with pytest.raises(Misconfigured, match=r"^unknown simulate option 'latancy': there are latency, .*seed, log$"):
        SimulateOptions.parse({"latancy": "1"})
