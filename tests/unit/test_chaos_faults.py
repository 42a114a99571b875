"""The schedule of faults: what a seed decides."""

from __future__ import annotations

from collections import Counter

import pytest

from local.chaos.faults import ANYWHERE, WHERE, Fault, Kind, schedule


def faults(seed: int = 1, *, seconds: float = 600, per_minute: float = 25, workers: int = 3) -> list[Fault]:
    kinds = ANYWHERE | {Kind.LOCK}
    return schedule(seed, seconds=seconds, per_minute=per_minute, kinds=kinds, workers=workers, lease=6)


def test_a_seed_gives_one_schedule_and_another_seed_another() -> None:
    assert faults(7) == faults(7)
    assert faults(7) != faults(8)


@pytest.mark.parametrize(("seconds", "per_minute", "many"), [(600, 25, 250), (8, 60, 8), (60, 1, 1), (1, 1, 0)])
def test_there_are_as_many_faults_as_asked_for(seconds: float, per_minute: float, many: int) -> None:
    assert len(faults(seconds=seconds, per_minute=per_minute)) == many


def test_faults_come_in_order_one_in_each_slot() -> None:
    slot = 60 / 25
    for number, fault in enumerate(faults()):
        assert fault.number == number
        assert number * slot <= fault.at < (number + 1) * slot


def test_a_short_run_meets_every_kind_too() -> None:
    hand = faults(seconds=60)
    assert {fault.kind for fault in hand} == ANYWHERE | {Kind.LOCK}
    assert Counter(fault.kind for fault in hand).most_common(1)[0][0] is Kind.KILL_WORKER


def test_only_the_kinds_that_were_given_strike() -> None:
    only = schedule(1, seconds=600, per_minute=25, kinds={Kind.PURGE}, workers=2, lease=6)
    assert {fault.kind for fault in only} == {Kind.PURGE}


def test_every_worker_is_struck_and_no_other_process_than_there_is() -> None:
    struck = {fault.process for fault in faults(workers=3)}
    assert struck == {"worker-1", "worker-2", "worker-3", "control", "gateway", "moto", ""}
    assert all(bool(fault.process) == (fault.kind in WHERE) for fault in faults())


def test_a_frozen_worker_outlives_its_leases() -> None:
    frozen = [fault.seconds for fault in faults() if fault.kind is Kind.FREEZE_WORKER]
    assert frozen
    assert min(frozen) >= 6 + 1
    assert all(fault.seconds <= 7 for fault in faults() if fault.kind is not Kind.FREEZE_WORKER)
