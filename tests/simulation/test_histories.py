"""Histories in virtual time: the promises hold in every one of them, and one seed gives one history."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.simulation.campaign import Tally, run
from local.simulation.faults import Fault
from local.simulation.simulator import play
from tests.simulation.mutations import ROOT

HISTORIES = 2_000


@pytest.fixture(scope="module")
def tally() -> Tally:
    """What so many histories came to."""
    return run(range(HISTORIES))


@pytest.mark.timeout(1_200)
def test_no_history_breaks_a_promise(tally: Tally) -> None:
    assert not tally.broken, f"replay: piecewise simulate --seed {tally.broken[0].seed} --trace"
    assert tally.histories == HISTORIES


def test_every_fault_strikes(tally: Tally) -> None:
    assert set(tally.faults) == set(Fault)


def test_jobs_and_chunks_end_in_every_way(tally: Tally) -> None:
    ends = {f"job {status}" for status in ("COMPLETED", "PARTIAL_SUCCESS", "FAILED", "CANCELLED", "deleted")}
    verbs = {"cancel", "retry", "delete"}
    assert ends | verbs | {"chunk COMPLETED", "chunk FAILED", "call answered"} <= set(tally.outcomes)


def test_documents_are_uploaded_and_requests_refused_for_every_reason(tally: Tally) -> None:
    reasons = {
        "upload-unfinished", "document-expired", "document-not-found", "idempotency-key-reused",
        "too-many-chunks", "too-many-live-jobs",
    }  # fmt: skip
    assert {"submitted", "submitted, uploaded", *(f"refused {reason}" for reason in reasons)} <= set(tally.outcomes)


@pytest.mark.parametrize("seed", [3, 11])
def test_one_seed_gives_one_history(seed: int) -> None:
    program = f"from local.simulation.simulator import play; print(play({seed}).trace.digest())"
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": "7"}, cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert play(seed).trace.digest() == play(seed).trace.digest() == elsewhere.stdout.strip()


def test_another_seed_gives_another_history() -> None:
    assert play(3).trace.digest() != play(4).trace.digest()
