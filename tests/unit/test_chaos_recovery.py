"""How long work stands still, and how much of that the reconciler answers for."""

from __future__ import annotations

from local.chaos.recovery import Recovery, Standing

LEASE: Standing = ("lease", "job", 0, 1, 5_000)
OTHER: Standing = ("lease", "job", 1, 1, 5_000)
HINT: Standing = ("hint", "job", 2, 0, 5_000)


def seen(*looks: tuple[float, dict[Standing, float], bool]) -> Recovery:
    recovery = Recovery(bound=3)
    for at, standing, able in looks:
        recovery.see(at, standing, able=able)
    return recovery


def test_what_never_stands_still_takes_no_time() -> None:
    assert set(seen((0, {}, True), (1, {}, True)).worst.values()) == {0.0}


def test_what_stands_still_is_timed_until_it_is_moved_on() -> None:
    recovery = seen((0, {}, True), (1, {LEASE: 0.5}, True), (2, {LEASE: 1.5}, True), (3, {}, True))
    assert (recovery.worst["lease"], recovery.worst_whole["lease"]) == (1.5, 1.5)
    assert recovery.seen["lease"] == 1


def test_the_time_before_the_first_look_counts_no_longer_than_it_stood() -> None:
    assert seen((0, {}, True), (60, {LEASE: 0.2}, True)).worst["lease"] == 0.2


def test_time_in_which_the_reconciler_could_not_work_is_kept_apart() -> None:
    recovery = seen((0, {}, True), (1, {LEASE: 1}, True), (9, {LEASE: 9}, False), (10, {LEASE: 10}, True))
    assert (recovery.worst["lease"], recovery.worst_whole["lease"]) == (1.0, 10)


def test_what_stood_longer_than_the_bound_is_late() -> None:
    recovery = seen((0, {}, True), (2, {LEASE: 2}, True), (4, {LEASE: 4}, True), (9, {OTHER: 9}, False))
    assert recovery.late == [(4, LEASE, 4)]


def test_each_thing_has_its_own_time_and_each_kind_its_own_worst() -> None:
    first: dict[Standing, float] = {LEASE: 1, HINT: 0.5}
    second: dict[Standing, float] = {OTHER: 0.3, HINT: 1.5}
    recovery = seen((0, {}, True), (1, first, True), (2, second, True))
    assert (recovery.worst["lease"], recovery.worst["hint"], recovery.worst["plan"]) == (1.0, 1.5, 0.0)
    assert (recovery.seen["lease"], recovery.seen["hint"]) == (2, 1)
