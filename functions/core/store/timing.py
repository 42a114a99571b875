"""The store's numbers, in milliseconds and counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things may stand still before somebody looks after them."""

    crash_limit: int
    hint_after_ms: int
    hint_cap_ms: int
    finalize_after_ms: int
    plan_lease_ms: int
    upload_life_ms: int
    late_ms: int  # after which no function writes any more what it was about to, and no upload's URL is good
