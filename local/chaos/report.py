"""What a run of chaos came to: as one JSON document, and as a page for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from functions.core.jobs import ChunkStatus
from local.chaos.evidence import Call
from local.chaos.faults import Kind
from local.chaos.invariants import calls_of_zombies
from local.chaos.run import Outcome

SCHEMA = 1  # counts up when a field changes its meaning or goes
_SHOWN = 20


def as_json(facts: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Everything in JSON's types; times in seconds."""
    evidence, plan, recovery = outcome.evidence, outcome.plan, outcome.recovery
    rows = [row for of_job in evidence.chunks.values() for row in of_job]
    calls = [call for of_chunk in evidence.calls.values() for call in of_chunk]
    struck = outcome.journal.counts()
    return {
        "schema": SCHEMA,
        "facts": dict(facts),
        "database": outcome.database,
        "seed": plan.seed,
        "seconds": plan.seconds,
        "faults": {
            "struck": sum(struck.values()),
            "missed": sum(outcome.journal.missed.values()),
            "by_kind": {kind.value: struck[kind] for kind in Kind if struck[kind]},
        },
        "jobs": {
            "accepted": len(evidence.accepted),
            "without_answer": len(evidence.jobs.keys() - evidence.accepted.keys()),
            "by_status": dict(Counter(job["status"] for job in evidence.jobs.values())),
        },
        "chunks": {
            "by_status": dict(Counter(row["status"] for row in rows)),
            "failed_by_code": dict(Counter(row["error_code"] for row in rows if row["status"] == ChunkStatus.FAILED)),
            "crashes": sum(row["crashes"] for row in rows),
        },
        "calls": {
            "ended": len(calls),
            "by_outcome": dict(Counter(call.outcome for call in calls)),
            "repeated": repeated(evidence.calls),
            "of_zombies": calls_of_zombies(evidence),
        },
        "broken_requests": outcome.broken_requests,
        "messages_delivered_again": outcome.messages_again,
        "recovery": {
            "bound": plan.numbers.recovery_bound(),
            "lease": plan.numbers.lease,
            "worst": _rounded(recovery.worst),
            "worst_with_outages": _rounded(recovery.worst_whole),
            "seen": dict(recovery.seen),
            "drained": round(outcome.drained, 1),
        },
        "violations": [{"invariant": each.invariant, "what": each.what} for each in outcome.violations],
        "good": outcome.is_good,
    }


def repeated(calls: Mapping[tuple[str, int], Sequence[Call]]) -> int:
    """Calls that were answered though the same chunk had been answered before: what crashes and zombies cost."""
    return sum(max(0, sum(call.outcome == "ok" for call in of_chunk) - 1) for of_chunk in calls.values())


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The page, from `as_json`."""
    faults, jobs, chunks, calls, recovery = (found[n] for n in ("faults", "jobs", "chunks", "calls", "recovery"))
    yield f"{found['facts']['command']}   {found['facts']['date']}"
    yield f"{found['database']}, seed {found['seed']}, {found['seconds']:g} s, {found['facts']['cores']} cores"
    yield ""
    width = max(len(kind) for kind in (*faults["by_kind"], "faults"))
    for kind, count in faults["by_kind"].items():
        yield f"{kind:<{width}}  {count:>5}"
    yield f"{'faults':<{width}}  {faults['struck']:>5}   and {faults['missed']} that found nothing to strike"
    yield ""
    lost = f"{jobs['accepted']} accepted, {jobs['without_answer']} more whose 202 was lost on its way"
    yield f"jobs      {_counts(jobs['by_status'])}; {lost}"
    why = f"failed: {_counts(chunks['failed_by_code'])}; {chunks['crashes']} crashes counted"
    yield f"chunks    {_counts(chunks['by_status'])}; {why}"
    yield f"calls     {_counts(calls['by_outcome'])}; {calls['repeated']} answered more than once"
    yield f"          {calls['of_zombies']} begun by a worker that had been frozen, after another's result"
    yield f"clients   {found['broken_requests']} requests broke off or were told to come later"
    yield f"messages  {found['messages_delivered_again']} delivered again at the end"
    for kind, worst in recovery["worst"].items():
        yield (
            f"recovery  {kind:<9}  {recovery['seen'].get(kind, 0)} seen, "
            f"worst {worst:g} s (bound {recovery['bound']:g} s); "
            f"{recovery['worst_with_outages'][kind]:g} s where the reconciler was kept from it"
        )
    yield f"          a lease lasts {recovery['lease']:g} s; all ended {recovery['drained']:g} s after the last fault"
    yield from _verdict(found)


def _verdict(found: Mapping[str, Any]) -> Iterator[str]:
    broken = found["violations"]
    for each in broken[:_SHOWN]:
        yield f"VIOLATED  {each['invariant']}: {each['what']}"
    if len(broken) > _SHOWN:
        yield f"… and {len(broken) - _SHOWN} more; --json lists them"
    for kind, worst in found["recovery"]["worst"].items():
        if worst > found["recovery"]["bound"]:
            yield f"LATE      {kind}: {worst:g} s"
    yield f"{len(broken)} violations"


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {kind: round(of_kind, 2) for kind, of_kind in seconds.items()}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
