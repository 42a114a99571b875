"""When it makes sense to ask for a running job again: `Retry-After` by the job's own pace. Pure."""

from __future__ import annotations

import math

from functions.core.model import JobView

SOONEST = 1
LATEST = 60
_PATIENCE = 10  # without a pace: a tenth of the time for which nothing has happened


def retry_after(job: JobView, now: int) -> int:
    """Whole seconds; `now`: milliseconds since 1970.

    Half of the time that the rest of the chunks would take at the pace so far, so that a client who follows it asks
    a number of times that grows with the logarithm of that time, and learns of the end soon. A job that shows no pace
    (not planned, no chunk done, being put together, or a retry, whose start no row tells) is asked for often at first.
    """
    moved, total = job.progress.completed + job.progress.failed, job.progress.total
    if job.started_at is None or not moved or not total or moved >= total or job.run > 1:
        return _within((now - job.updated_at) / _PATIENCE)
    return _within((now - job.started_at) / moved * (total - moved) / 2)


def _within(milliseconds: float) -> int:
    return max(SOONEST, min(LATEST, math.ceil(milliseconds / 1000)))
