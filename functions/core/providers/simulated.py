"""A model that is none: for tests, benchmarks and demos. Its latency, errors and limits are set by name."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import time
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Self

from functions.core.errors import Misconfigured, ProviderError
from functions.core.model import ModelAnswer, ModelCall
from functions.core.outcomes import OUTCOMES
from functions.core.providers.rate_limit import FileBucket, ProcessBucket, RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _number(lowest: float, highest: float = math.inf) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = float(value)
        if not (math.isfinite(number) and lowest <= number <= highest):
            raise ValueError
        return number

    return parse


def _rate(value: str) -> float:
    return _number(1e-6)(value)


def _word(value: str) -> str:
    if not value:
        raise ValueError
    return value


def _file_path(value: str) -> Path:
    path = Path(_word(value))
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError
    return path


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "latency": (_number(0), "seconds, 0 or more"),
    "latency_sigma": (_number(0, 10), "the sigma of a log-normal distribution, 0 to 10"),
    "error_rate": (_number(0, 1), "a share of calls, 0 to 1"),
    "poison": (_word, "a word; a text that contains it always fails"),
    "rate_limit": (_rate, "calls a second, more than 0"),
    "outage": (_file_path, "a file in a directory that exists; the provider is out while the file is there"),
    "seed": (int, "a whole number"),
    "log": (_file_path, "a file in a directory that exists"),
}


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """What a simulated model does; the defaults make it answer at once and always."""

    latency: float = 0.0  # seconds a call takes; the median when latency_sigma is set
    latency_sigma: float = 0.0
    error_rate: float = 0.0  # share of calls that fail with server_error
    poison: str | None = None
    rate_limit: float | None = None
    outage: Path | None = None  # while this file is there all calls fail, with the code in it or as unavailable
    seed: int = 0
    log: Path | None = None  # one JSON line a call

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> Self:
        """The options from `KEY=VALUE` strings. Raises Misconfigured, one line naming the key and what it takes."""
        return cls(**{key: _parse_option(key, value) for key, value in options.items()})


def _parse_option(key: str, value: str) -> Any:
    if key not in _PARSERS:
        known = ", ".join(field.name for field in fields(SimulateOptions))
        raise Misconfigured(f"unknown simulate option {key!r}: there are {known}")
    parser, takes = _PARSERS[key]
    try:
        return parser(value)
    except ValueError:
        raise Misconfigured(f"bad simulate option {key}={value!r}: {key} is {takes}") from None


def simulated_text(chunk_index: int, text: str) -> str:
    """What the simulated model says of a chunk: a test can check order and content by it."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"chunk {chunk_index}: {len(text)} characters, sha256 {digest[:16]}"


class SimulatedProvider:
    """Answers with a digest of the text. May be shared by threads and loops; holds nothing between calls but the limit.

    The same seed gives every (chunk_index, attempt) the same latency and the same error whatever the interleaving.
    A rate limit counts the calls of all processes that are given the same `scratch_dir`, else those of this object.
    """

    def __init__(
        self,
        options: SimulateOptions,
        *,
        scratch_dir: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._clock = clock
        self._limit: RateLimit | None = None
        if options.rate_limit is not None:
            bucket = FileBucket(Path(scratch_dir) / "simulated-rate") if scratch_dir else ProcessBucket()
            self._limit = RateLimit(options.rate_limit, bucket)

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The digest of the text, after the latency. Raises ProviderError: rate_limited, server_error, an outage's."""
        start = self._clock()
        outcome = "cancelled"  # unless the call comes to an end
        try:
            answer = await self._answer(call)
            outcome = "ok"
        except ProviderError as error:
            outcome = error.code
            raise
        finally:
            self._write_log(call, outcome, start)
        return answer

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def _answer(self, call: ModelCall) -> ModelAnswer:
        self._refuse_in_outage()
        self._throttle()
        options = self._options
        random = _random(options.seed, call)
        fails = random.random() < options.error_rate
        await asyncio.sleep(options.latency * random.lognormvariate(0.0, options.latency_sigma))
        if options.poison is not None and options.poison in call.text:
            raise ProviderError("server_error", "simulated: this text always fails")
        if fails:
            raise ProviderError("server_error", "simulated: this call failed by chance")
        return ModelAnswer(simulated_text(call.chunk_index, call.text))

    def _refuse_in_outage(self) -> None:
        """A file, so that one hand switches all processes."""
        if self._options.outage is None:
            return
        try:
            code = self._options.outage.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        raise ProviderError(code if code in OUTCOMES else "unavailable", "simulated: the provider is out")

    def _throttle(self) -> None:
        wait = self._limit.wait(self._clock()) if self._limit else 0.0
        if wait:
            message = f"simulated: more than {self._options.rate_limit:g} calls a second"
            raise ProviderError("rate_limited", message, retry_after=wait)

    def _write_log(self, call: ModelCall, outcome: str, start: float) -> None:
        if self._options.log is None:
            return
        line = json.dumps(
            {
                "job_id": call.job_id,
                "chunk_index": call.chunk_index,
                "attempt": call.attempt,
                "outcome": outcome,
                "start": start,
                "end": self._clock(),
            }
        )
        # One write to a file opened with O_APPEND: lines of other processes and threads come whole before or after.
        handle = os.open(self._options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)


def _random(seed: int, call: ModelCall) -> Random:
    """The randomness of one call: the job's id has no part in it, so that a seed gives one history."""
    key = f"{seed}/{call.chunk_index}/{call.attempt}".encode()
    return Random(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big"))
