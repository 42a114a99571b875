"""Each invariant of a run of chaos: silent where all is right, and loud where one thing is broken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.core.chunking import split
from functions.core.providers.simulated import simulated_text
from functions.core.results import SEPARATOR
from local.chaos.documents import POISON, Document
from local.chaos.evidence import Call, Evidence, Row, changed_jobs
from local.chaos.invariants import INVARIANTS, calls_of_zombies, violations

LIMIT = 40
TEXT = "The été at sea was long.\n\n" * 3 + f"They drank {POISON} in the end.\n\n"
DOCUMENT = Document(0, TEXT, LIMIT, "chaos document 0")
STORED = 1_000_000.0  # seconds; when chunk 0 was finished


def chunk(index: int, text: str, start: int) -> dict[str, Any]:
    poisoned = POISON in text
    return {
        "job_id": "a", "chunk_index": index, "status": "FAILED" if poisoned else "COMPLETED",
        "char_start": start, "char_end": start + len(text),
        "byte_start": len(TEXT[:start].encode()), "byte_end": len(TEXT[: start + len(text)].encode()),
        "claim_no": 1, "attempts": 3 if poisoned else 1, "crashes": 0,
        "error_code": "server_error" if poisoned else None,
        "result": None if poisoned else simulated_text(index, text), "finished_at": STORED * 1000,
    }  # fmt: skip


@pytest.fixture
def evidence() -> Evidence:
    """A job of four chunks of which the last one was refused: all is as it should be."""
    spans = split(TEXT, LIMIT)
    rows: list[Row] = [chunk(s.chunk_index, TEXT[s.char_start : s.char_end], s.char_start) for s in spans]
    completed = [row["result"] for row in rows if row["result"]]
    job = {
        "job_id": "a", "status": "PARTIAL_SUCCESS", "run": 1, "instructions": DOCUMENT.label, "max_attempts": 3,
        "max_chunk_chars": LIMIT, "total_chunks": 4, "chunks_completed": 3, "chunks_failed": 1, "error_code": None,
    }  # fmt: skip
    return Evidence(
        documents={DOCUMENT.label: DOCUMENT}, accepted={"a": DOCUMENT.label}, jobs={"a": job}, chunks={"a": rows},
        calls={("a", 0): [call(STORED - 1)]}, results={"a": SEPARATOR.join(completed)}, crash_limit=3,
        endings={"a": 1}, freezes=[(STORED - 0.5, STORED + 9)],
    )  # fmt: skip


def call(start: float, outcome: str = "ok") -> Call:
    return Call("a", 0, 1, outcome, start, start + 0.4)


def with_job(evidence: Evidence, **fields: object) -> Evidence:
    return dataclasses.replace(evidence, jobs={"a": {**evidence.jobs["a"], **fields}})


def with_chunk(evidence: Evidence, index: int, **fields: object) -> Evidence:
    rows = list(evidence.chunks["a"])
    rows[index] = {**rows[index], **fields}
    return dataclasses.replace(evidence, chunks={"a": rows})


def with_calls(evidence: Evidence, *calls: Call) -> Evidence:
    return dataclasses.replace(evidence, calls={("a", 0): calls})


def test_nothing_is_violated_where_all_is_right(evidence: Evidence) -> None:
    assert violations(evidence) == []


BROKEN: dict[str, list[Callable[[Evidence], Evidence]]] = {
    "no_job_is_lost": [
        lambda e: dataclasses.replace(e, accepted={**e.accepted, "b": "chaos document 1"}),
        lambda e: dataclasses.replace(e, accepted={"a": "chaos document 1"}),
    ],
    "every_job_ends": [lambda e: with_job(e, status="PENDING"), lambda e: with_job(e, status="PROCESSING")],
    "every_job_ends_once": [
        lambda e: dataclasses.replace(e, endings={"a": 2}),
        lambda e: dataclasses.replace(e, endings={"b": 1}),
    ],
    "counters_are_rows": [
        lambda e: with_job(e, chunks_completed=4),
        lambda e: with_job(e, chunks_failed=0),
        lambda e: with_job(e, total_chunks=5),
        lambda e: with_job(e, total_chunks=None),
        lambda e: with_chunk(e, 1, status="PROCESSING"),
    ],
    "states_follow_counters": [
        lambda e: with_job(e, status="COMPLETED"),
        lambda e: with_job(e, status="FAILED"),
        lambda e: with_job(e, total_chunks=5),
    ],
    "spans_tile": [
        lambda e: with_chunk(e, 1, char_start=30),
        lambda e: with_chunk(e, 1, byte_end=999),
        lambda e: with_chunk(e, 1, chunk_index=7),
        lambda e: dataclasses.replace(e, chunks={"a": e.chunks["a"][:3]}),
        lambda e: with_job(e, max_chunk_chars=10),
    ],
    "chunks_end_as_they_must": [
        lambda e: with_chunk(e, 0, result=simulated_text(1, "another text")),
        lambda e: with_chunk(e, 3, status="COMPLETED", result=simulated_text(3, "They drank")),
        lambda e: with_chunk(e, 0, status="FAILED", error_code="server_error", attempts=3),
        lambda e: with_chunk(e, 3, attempts=2),
        lambda e: with_chunk(e, 0, status="FAILED", error_code="worker_crashed", crashes=2),
        lambda e: with_chunk(e, 0, status="FAILED", error_code="delivery_failed"),
        lambda e: with_chunk(e, 0, status="PENDING"),
    ],
    "results_are_whole": [
        lambda e: dataclasses.replace(e, results={}),
        lambda e: dataclasses.replace(e, results={"a": SEPARATOR.join(reversed(e.results["a"].split(SEPARATOR)))}),
    ],
    "finished_work_is_not_paid_for_again": [
        lambda e: with_calls(e, call(STORED - 1), call(STORED + 0.1)),
        lambda e: with_calls(e, call(STORED - 1), call(STORED + 20)),
        lambda e: with_calls(dataclasses.replace(e, freezes=[(STORED + 3, STORED + 9)]), call(STORED + 9)),
    ],
    "calls_are_bounded": [
        lambda e: with_calls(e, *[call(STORED - 9, "server_error")] * 7),
        lambda e: dataclasses.replace(e, calls={("b", 0): [call(STORED)]}),
    ],
    "no_message_changes_anything": [
        lambda e: dataclasses.replace(e, left=1),
        lambda e: dataclasses.replace(e, changed=["a"]),
    ],
    "logs_quote_nothing": [lambda e: dataclasses.replace(e, quotes=["worker-1.log"])],
    "clients_see_only_progress": [lambda e: dataclasses.replace(e, seen=["a showed 40 % after 50 %"])],
}


def broken() -> Iterator[Any]:
    for name, ways in BROKEN.items():
        for number, way in enumerate(ways):
            yield pytest.param(name, way, id=f"{name}-{number}")


@pytest.mark.parametrize(("name", "breaks"), list(broken()))
def test_what_is_broken_is_found(name: str, breaks: Callable[[Evidence], Evidence], evidence: Evidence) -> None:
    found = [violation for violation in violations(breaks(evidence)) if violation.invariant == name]
    assert found
    assert all("\n" not in violation.what for violation in found)


def test_every_invariant_is_shown_to_find_something() -> None:
    assert INVARIANTS.keys() == BROKEN.keys()


def test_a_zombie_may_make_the_call_that_it_was_frozen_before(evidence: Evidence) -> None:
    zombie = with_calls(evidence, call(STORED - 1), call(STORED + 9.2))
    assert violations(zombie) == []
    assert (calls_of_zombies(zombie), calls_of_zombies(evidence)) == (1, 0)


def test_calls_that_were_throttled_are_not_counted(evidence: Evidence) -> None:
    throttled = [call(STORED - 9, code) for code in ("rate_limited", "unavailable", "cancelled") * 9]
    assert violations(with_calls(evidence, *throttled, *[call(STORED - 9)] * 6)) == []


def test_a_chunk_that_met_too_many_crashes_may_fail(evidence: Evidence) -> None:
    crashed = with_chunk(evidence, 0, status="FAILED", error_code="worker_crashed", crashes=3, result=None)
    job = with_job(crashed, chunks_completed=2, chunks_failed=2)
    rest = SEPARATOR.join(evidence.results["a"].split(SEPARATOR)[1:])
    assert violations(dataclasses.replace(job, results={"a": rest})) == []


def test_a_job_that_is_not_the_same_any_more_has_changed(evidence: Evidence) -> None:
    before = (evidence.jobs, evidence.chunks)
    after = with_chunk(evidence, 2, claim_no=9)
    assert changed_jobs(before, before) == []
    assert changed_jobs(before, (after.jobs, after.chunks)) == ["a"]
    assert changed_jobs(before, ({}, evidence.chunks)) == ["a"]
