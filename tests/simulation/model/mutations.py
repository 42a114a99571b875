"""Ways to break the protocol, each with a small world in which that shows.

One that is not found would be a hole in the model, or a guard that nothing needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.simulation.model.rules import Guards, Setup
from tests.simulation.model.states import Budget


@dataclass(frozen=True, slots=True)
class Mutation:
    """The guards that are dropped, and the world to look in."""

    dropped: tuple[str, ...]
    setup: Setup

    @property
    def broken(self) -> Setup:
        """The world without these guards."""
        return replace(self.setup, guards=Guards(**dict.fromkeys(self.dropped, False)))


def _one(*dropped: str, chunks: int = 1, planners: int = 0, finalizers: int = 1, **budget: int) -> Mutation:
    return Mutation(dropped, Setup(chunks, Budget(**budget), planners=planners, finalizers=finalizers))


MUTATIONS: dict[str, Mutation] = {
    # what a worker writes
    "claim though the lease is alive": _one("claim_needs_lease_over", copy=1),
    "claim for a job that has ended": _one("claim_needs_active_job", cancel=1),
    "take over and count no crash": _one("claim_counts_crash", crash=1),
    "fail without fencing": _one("fail_fenced", freeze=1, error=1),
    "park without fencing": _one("park_fenced", freeze=1, outage=1),
    "park without hint_due_at": _one("park_hints", outage=1, lose=1),
    "set aside without fencing": _one("aside_fenced", freeze=1),
    "set aside without hint_due_at": _one("aside_hints", crash=2),
    "a claim that is not wanted is not given up": _one("unwanted_given_up", planners=1, error=1, retry=1),
    "the last result wins": _one("result_needs_open_chunk", freeze=1),
    "an attempt is not counted before its backoff": _one("attempt_counted_before_backoff", error=1),
    "counting an attempt does not name its number": _one("attempt_names_its_number", error=1, answer=1),
    "a claim beyond the crash limit": _one("crash_limit_in_claim", "crash_limit_in_sweep", crash=3),
    # counting
    "count messages, not rows": _one("count_rows_not_messages", freeze=1, chunks=2),
    "a count revives a cancelled job": _one("count_leaves_ended_jobs", cancel=1),
    "the last chunk sets no finalize_due_at": _one("last_chunk_sets_due", lose=1),
    "send before commit": _one("commit_before_send", outage=1),
    # the end of a job
    "finalize without a lease": _one("begin_needs_free_lease", finalizers=2, copy=1),
    "a dead finalizer is waited for": _one("dead_finalizer_replaced", crash=1),
    "finish without the run guard": _one("finish_checks_run", finalizers=2, copy=1, freeze=1, error=1, retry=1),
    "finish without asking the counters": _one(
        "finish_checks_run", "finish_checks_done", finalizers=2, copy=1, freeze=1, error=1, retry=1
    ),
    "finish a job that was cancelled": _one("finish_checks_active", cancel=1),
    # the plan
    "closing the plan does not look for finished chunks": _one("closing_checks_done", planners=1),
    "two planners unfenced": _one("plan_fenced", planners=2, freeze=1, copy=1),
    "a block of a plan does not compare the cursor": _one("plan_compares_cursor", planners=1, answer=1),
    "a plan without plan_due_at": _one("plan_due_set", planners=1, lose=1),
    "a dead message ends a plan at work": _one("dead_plan_needs_no_lease", planners=1, copy=1, bury=1),
    "a dead message of an earlier run ends a plan": _one(
        "dead_plan_needs_newest", planners=1, bury=1, crash=1, retry=1
    ),
    # the reconciler and the dead letters
    "end leases that are alive": _one("sweep_needs_lease_over"),
    "end leases without hint_due_at": _one("sweep_hints", crash=2),
    "rest chunks of a job that was only seen to have ended": _one(
        "rest_holds_job", planners=1, error=1, retry=1, lose=1
    ),
    "a dead message fails a chunk at work": _one("dead_needs_no_lease", copy=1, bury=1),
    "a dead message of an earlier run fails a chunk": _one("dead_needs_newest", copy=1, bury=1, error=1, retry=1),
    # a client
    "cancel rewrites a terminal state": _one("cancel_needs_active", cancel=1),
    "retry without comparing the run": _one("retry_compares_run", error=2, retry=2),
    "retry of a completed job": _one("retry_needs_retriable", retry=1),
    "retry without claim_no + 1": _one("retry_raises_claim_no", copy=1, bury=1, error=1, retry=1),
    "retry does not take the failed ones back": _one("retry_counts_back", error=1, retry=1),
    "retry without hint_due_at": _one("retry_hints", error=1, retry=1, crash=1),
    "retry forgets a plan": _one("retry_resumes_plan", planners=1, error=1, retry=1, lose=1),
    "retry lets a planner of the earlier run go on": _one(
        "retry_fences_plan", planners=1, copy=1, freeze=1, bury=1, retry=1
    ),
    "delete leaves the chunk rows": _one("delete_takes_chunks", delete=1),
}
