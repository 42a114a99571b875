"""The sizes of a world, and the guards of the protocol, each of which a mutation can take away."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.model.states import Budget


@dataclass(frozen=True, slots=True)
class Guards:
    """What the protocol rests on. All stand; a mutation drops some."""

    # what a worker writes
    claim_needs_lease_over: bool = True
    claim_needs_active_job: bool = True
    claim_counts_crash: bool = True
    fail_fenced: bool = True
    park_fenced: bool = True
    park_hints: bool = True
    aside_fenced: bool = True
    aside_hints: bool = True
    unwanted_given_up: bool = True
    result_needs_open_chunk: bool = True
    attempt_counted_before_backoff: bool = True
    attempt_names_its_number: bool = True
    crash_limit_in_claim: bool = True
    # counting
    count_rows_not_messages: bool = True
    count_leaves_ended_jobs: bool = True
    last_chunk_sets_due: bool = True
    # order of effects
    commit_before_send: bool = True
    # the end of a job
    begin_needs_free_lease: bool = True
    dead_finalizer_replaced: bool = True
    finish_checks_run: bool = True
    finish_checks_done: bool = True
    finish_checks_active: bool = True
    # the plan
    closing_checks_done: bool = True
    plan_fenced: bool = True
    plan_compares_cursor: bool = True
    plan_due_set: bool = True
    dead_plan_needs_no_lease: bool = True
    dead_plan_needs_newest: bool = True
    # the reconciler and the dead letters
    sweep_needs_lease_over: bool = True
    sweep_hints: bool = True
    crash_limit_in_sweep: bool = True
    rest_holds_job: bool = True
    dead_needs_no_lease: bool = True
    dead_needs_newest: bool = True
    # a client
    cancel_needs_active: bool = True
    retry_compares_run: bool = True
    retry_needs_retriable: bool = True
    retry_raises_claim_no: bool = True
    retry_fences_plan: bool = True
    retry_counts_back: bool = True
    retry_hints: bool = True
    retry_resumes_plan: bool = True
    delete_takes_chunks: bool = True


@dataclass(frozen=True, slots=True)
class Setup:
    """A world to explore."""

    chunks: int = 1
    budget: Budget = field(default_factory=Budget)
    workers: int = 2
    finalizers: int = 1
    planners: int = 0  # 0: planned by the api room
    max_attempts: int = 2
    crash_limit: int = 2
    final_tries: int = 1
    guards: Guards = field(default_factory=Guards)
