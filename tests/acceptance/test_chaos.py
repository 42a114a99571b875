"""A short run of `piecewise chaos`: real processes, real faults, and not one invariant violated.

How soon work is recovered is left to the long run: it depends on the machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from local.chaos.faults import FREEZES, KILLS, Kind
from local.chaos.report import as_json, lines
from local.chaos.run import Outcome, Plan, run

FACTS = {"command": "", "date": "", "cores": 0}


def hurt(where: Path, plan: Plan) -> Outcome:
    outcome = run(plan, where, print)
    print(*lines(as_json(FACTS, outcome)), sep="\n")
    return outcome


def check(outcome: Outcome, *kinds: Kind) -> None:
    assert list(outcome.violations) == []
    assert outcome.journal.counts().keys() >= {*kinds}
    assert outcome.evidence.accepted
    assert sum(len(rows) for rows in outcome.evidence.chunks.values()) >= 20


@pytest.mark.timeout(600)
def test_faults_on_sqlite_lose_nothing(tmp_path: Path) -> None:
    outcome = hurt(tmp_path, Plan(seconds=8, seed=9, faults_per_minute=75, clients=4, latency=0.2))
    check(outcome, Kind.KILL_WORKER, Kind.FREEZE_WORKER, Kind.LOCK)
    assert sum(outcome.journal.counts()[kind] for kind in KILLS | FREEZES) >= 4
    assert {"worker-1", "worker-2", "worker-3"} <= {entry.fault.process for entry in outcome.journal.entries}


@pytest.mark.timeout(600)
def test_faults_on_postgres_lose_nothing(tmp_path: Path) -> None:
    plan = Plan(seconds=5, seed=275, faults_per_minute=72, clients=3, latency=0.2, postgres=True)
    check(hurt(tmp_path, plan), Kind.KILL_WORKER, Kind.CRASH)
