"""How long a job may take to end once nothing goes wrong any more: the promise, in numbers. Pure."""

from __future__ import annotations

from functions.core.settings import Settings

SCHEDULE = 60.0  # seconds between two invocations of the reconciler
LONGEST_DELAY = 900.0  # of a message
LATEST = 400.0  # the simulator's own: how late it lets a message come, and how long it freezes an invocation


def bound(settings: Settings, max_attempts: int) -> float:
    """Seconds. Every way of standing still, one after the other: longer than any job can take, and finite.

    A chunk waits for its delayed message, or for the hint that makes up for a lost one, or until a message in flight
    of a dead worker shows up; then its attempts are spent, its leases may run out, and its job is put together.
    """
    wait = LONGEST_DELAY + LATEST + max(settings.hint_cap, float(settings.queue_visibility))
    calls = max_attempts * (settings.call_timeout + settings.backoff_cap)
    crashes = settings.crash_limit * (settings.lease + SCHEDULE + LATEST)
    finish = 2 * (settings.finalize_after + settings.plan_lease + SCHEDULE)
    return wait + calls + crashes + finish
