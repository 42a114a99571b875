"""The model calls of one chunk, under one tenacity policy; what the last of them means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from functions.chunk_worker.leases import where
from functions.chunk_worker.spans import Excerpt
from functions.core.errors import ProviderError
from functions.core.logs import bug, logger
from functions.core.model import Claim, Failure, ModelCall
from functions.core.outcomes import OUTCOMES, Outcome, full_jitter, park_seconds
from functions.core.ports import Deadline, Provider
from functions.core.results import storable
from functions.core.settings import Settings
from functions.core.store_port import Store


@dataclass(frozen=True, slots=True)
class Answered:
    """The model said something."""

    text: str


@dataclass(frozen=True, slots=True)
class Spent:
    """No further call: the chunk fails after so many counted calls."""

    failure: Failure
    attempts: int


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: another delivery goes on, after so many seconds. `throttled`: uncounted, so `max_park` bounds it."""

    failure: Failure
    seconds: float
    throttled: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else holds the chunk, or nobody wants it any more."""


Verdict = Answered | Spent | Later | Lost
_NO_TIME = Failure("deadline_near", "no invocation had the time for a call")


class _NotOurs(Exception):
    """The claim was lost between two calls."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls models for the chunks of one invocation."""

    store: Store
    settings: Settings
    random: Random
    deadline: Deadline

    async def call(self, claim: Claim, excerpt: Excerpt, provider: Callable[[], Provider]) -> Verdict:
        """Call until there is an answer, the attempts are spent, or the time is."""
        if not self._fits(0):
            return self._wait(claim, _NO_TIME, None, claim.attempts)
        attempt = 0
        try:
            async for trial in self._policy(claim):
                with trial:
                    attempt = claim.attempts + trial.retry_state.attempt_number
                    return Answered(await self._once(claim, excerpt, provider, attempt))
        except ProviderError as error:
            return await self._verdict(claim, error, attempt)
        except _NotOurs:
            pass
        return Lost()

    def _policy(self, claim: Claim) -> AsyncRetrying:
        def stop(state: RetryCallState) -> bool:
            wait = state.upcoming_sleep
            long = wait > self.settings.backoff_cap  # long waits belong to SQS, not to a billed Lambda
            return claim.attempts + state.attempt_number >= claim.max_attempts or long or not self._fits(wait)

        return AsyncRetrying(
            sleep=asyncio.sleep,
            retry=retry_if_exception(lambda error: _outcome(error) is Outcome.ERROR),
            stop=stop,
            wait=self._backoff,
            before_sleep=self._count(claim),
            reraise=True,
        )

    async def _once(self, claim: Claim, excerpt: Excerpt, provider: Callable[[], Provider], attempt: int) -> str:
        if attempt > claim.attempts + 1 and not await self.store.wanted([claim]):
            raise _NotOurs
        call = ModelCall(
            job_id=claim.job_id,
            chunk_index=claim.chunk_index,
            attempt=attempt,
            text=excerpt.text,
            char_start=claim.span.char_start,
            instructions=claim.instructions,
            before=excerpt.before,
            after=excerpt.after,
        )
        try:
            async with asyncio.timeout(self.settings.call_timeout):
                answer = await provider().analyse(call)
        except TimeoutError:
            raise ProviderError("timeout", f"no answer within {self.settings.call_timeout:g} s") from None
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 (an adapter's bug must not take its neighbours down)
            logger.error(
                "a provider raised what it never should", extra={**where(claim), "attempt": attempt, **bug(error)}
            )
            raise ProviderError("provider_bug", "the provider's adapter failed; see the logs") from None
        return storable(answer.text)

    def _backoff(self, state: RetryCallState) -> float:
        wait = full_jitter(
            state.attempt_number, base=self.settings.backoff_base, cap=self.settings.backoff_cap, random=self.random
        )
        return max(wait, _provider_error(state).retry_after or 0.0)

    def _count(self, claim: Claim) -> Callable[[RetryCallState], Awaitable[None]]:
        """Commits each counted failure before its backoff."""

        async def before_sleep(state: RetryCallState) -> None:
            error = _provider_error(state)
            _log(claim, error, claim.attempts + state.attempt_number, "the call failed and is tried again")
            earlier = replace(claim, attempts=claim.attempts + state.attempt_number - 1)
            if not await self.store.count_attempt(earlier, _failure(error)):
                raise _NotOurs

        return before_sleep

    async def _verdict(self, claim: Claim, error: ProviderError, attempt: int) -> Verdict:
        failure = _failure(error)
        outcome = _outcome(error)
        if outcome is Outcome.OUTAGE:
            # after a counted error in this delivery the provider is not out: the parking begins anew
            parked = claim if attempt == claim.attempts + 1 else replace(claim, parked_ms=0)
            return self._wait(parked, failure, error.retry_after, attempt - 1)
        if outcome is Outcome.PERMANENT or attempt >= claim.max_attempts:
            return Spent(failure, attempt)
        _log(claim, error, attempt, "the call failed and is tried again in another invocation")
        if not await self.store.count_attempt(replace(claim, attempts=attempt - 1), failure):
            return Lost()
        wait = full_jitter(attempt, base=self.settings.backoff_base, cap=self.settings.backoff_cap, random=self.random)
        return Later(failure, max(wait, error.retry_after or 0.0), throttled=False)

    def _wait(self, claim: Claim, failure: Failure, retry_after: float | None, attempts: int) -> Verdict:
        """Put the chunk off, no attempt used; one that has waited for longer than `max_park` fails."""
        parked = claim.parked_ms / 1000
        if parked > self.settings.max_park:
            code = "rate_limited" if OUTCOMES.get(failure.code) is Outcome.OUTAGE else failure.code
            hours = self.settings.max_park / 3600
            return Spent(
                Failure(code, f"waited for more than {hours:g} h without a pause: {failure.message}"), attempts
            )
        seconds = park_seconds(parked, retry_after, random=self.random)
        about = {**where(claim), "attempt": attempts + 1, "code": failure.code, "error": failure.message}
        logger.warning(f"the chunk waits {seconds} s, no attempt used", extra=about)
        return Later(failure, seconds, throttled=True)

    def _fits(self, wait: float) -> bool:
        needed = wait + self.settings.call_timeout + self.settings.call_margin
        return self.deadline.remaining() >= needed


def _outcome(error: BaseException) -> Outcome | None:
    return OUTCOMES.get(error.code, Outcome.PERMANENT) if isinstance(error, ProviderError) else None


def _failure(error: ProviderError) -> Failure:
    """What is stored of it: a provider's words may hold what no database takes."""
    return Failure(error.code, storable(error.message))


def _provider_error(state: RetryCallState) -> ProviderError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, ProviderError):
        raise AssertionError("only provider errors are tried again")
    return error


def _log(claim: Claim, error: ProviderError, attempt: int, what: str) -> None:
    logger.warning(what, extra={**where(claim), "attempt": attempt, "code": error.code, "error": error.message})
