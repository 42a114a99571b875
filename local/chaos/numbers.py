"""The settings of a stack under chaos, and how long its work may take to end. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

_RESTART = 90.0  # seconds: the supervisor's longest pause, and a start on a busy machine
_PLAN_WAIT = 30.0  # seconds for which a planner that found the bucket away rests
_AWAY = 30.0  # seconds until a poller that waits for an answer of a queue that is gone gives up
_SLOW = 10.0  # how many times slower than its model a busy machine may be
_PASS = 2.0  # seconds that a pass of the reconciler may itself take on a busy machine, and a look at it


@dataclass(frozen=True, slots=True)
class Numbers:
    """Settings by their names, in seconds or counts: what takes minutes in production comes back within seconds.

    Everything that says how often something may happen is as in production.
    """

    lease: float = 6.0
    renew_every: float = 1.5
    plan_lease: float = 2.0
    hint_after: float = 4.0
    hint_cap: float = 16.0
    finalize_after: float = 1.0
    reconciler_pause: float = 1.0
    backoff_base: float = 0.02
    crash_limit: int = 3
    finalize_tries: int = 5
    inline_result_bytes: int = 2_000  # so that some results go to the bucket

    def env(self) -> dict[str, str]:
        """As the processes of a stack read them."""
        return {f"PIECEWISE_{field.name.upper()}": f"{getattr(self, field.name):g}" for field in fields(self)}

    def recovery_bound(self) -> float:
        """Seconds within which a chunk whose lease is over is moved on: one pass of the reconciler."""
        return self.reconciler_pause + _PASS

    def drain_bound(self, chunks: int, *, concurrency: int, latency: float) -> float:
        """Seconds in which so many open chunks must have ended once there are no more faults."""
        waits = self.lease + self.hint_after + self.hint_cap + self.finalize_after * (self.finalize_tries + 1)
        return _RESTART + _PLAN_WAIT + _AWAY + waits + _SLOW * math.ceil(chunks / concurrency) * latency
