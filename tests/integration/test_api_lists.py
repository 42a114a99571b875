"""GET /v1/analyze: a caller's jobs, newest first, on both databases."""

from __future__ import annotations

import pytest

from functions.core.errors import ProviderError
from tests.fakes.caller import Caller
from tests.fakes.stage import Stage

JOBS = "/v1/analyze"


def ids(caller: Caller, query: str = "") -> list[str]:
    """The jobs of one page."""
    return [item["job_id"] for item in caller.get(JOBS, query=query).json["items"]]


def test_jobs_come_newest_first_page_by_page(stage: Stage) -> None:
    made = [stage.submit("text") for _ in range(5)]
    caller = Caller(stage.parts)
    seen, after = [], ""
    for size in (2, 2, 1):
        page = caller.get(JOBS, query=f"limit=2{after}").json
        assert len(page["items"]) == size
        seen += [item["job_id"] for item in page["items"]]
        after = f"&after={page['next_cursor']}"
    assert (seen, page["next_cursor"]) == (made[::-1], None)


def test_a_page_that_is_just_full_is_the_last(stage: Stage) -> None:
    stage.submit("text")
    stage.submit("text")
    assert Caller(stage.parts).get(JOBS, query="limit=2").json["next_cursor"] is None


def test_a_job_that_comes_while_pages_are_read_moves_nothing(stage: Stage) -> None:
    first, second = stage.submit("text"), stage.submit("text")
    caller = Caller(stage.parts)
    page = caller.get(JOBS, query="limit=1").json
    stage.submit("text")
    assert page["items"][0]["job_id"] == second
    assert ids(caller, f"after={page['next_cursor']}") == [first]


def test_a_list_can_be_of_one_state(stage: Stage) -> None:
    done, failed, waiting = stage.submit("text"), stage.submit("text"), stage.submit("text")
    stage.change_job(done, status="COMPLETED")
    stage.change_job(failed, status="FAILED")
    caller = Caller(stage.parts)
    assert ids(caller, "status=COMPLETED") == [done]
    assert ids(caller, "status=FAILED") == [failed]
    assert ids(caller, "status=PENDING") == [waiting]
    assert ids(caller, "status=CANCELLED") == []


def test_a_job_in_a_list_is_shown_without_its_result_and_errors(stage: Stage) -> None:
    stage.model.lines = {0: [ProviderError("refused_content", "The model said no.")]}
    job_id = stage.submit("eins zwei")
    stage.settle(job_id)
    caller = Caller(stage.parts)
    (item,) = caller.get(JOBS).json["items"]
    whole = caller.get(f"{JOBS}/{job_id}").json
    assert {"analysis_result", "chunk_errors", "chunk_errors_truncated"} == whole.keys() - item.keys()
    assert item == {name: whole[name] for name in item}
    assert (item["status"], item["progress_pct"]) == ("PARTIAL_SUCCESS", 100)


def test_a_caller_sees_no_one_elses_jobs(stage: Stage) -> None:
    stage.submit("text")
    alice = Caller(stage.with_settings(auth="jwt").parts)
    assert alice.get(JOBS, claims={"sub": "alice"}).json == {"items": [], "next_cursor": None}
    assert alice.get(JOBS).problem == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.0", "limit"),
        ("limit=", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=99999999999", "limit"),
        ("limit=1&limit=1", "limit"),
        ("status=completed", "status"),
        ("status=", "status"),
        ("status=RUNNING", "status"),
        ("after=", "after"),
        ("after=zzz", "after"),
        ("after=c000001", "after"),
        ("owner=alice", "owner"),
        ("limit=1&Limit=2", "Limit"),
        ("%FF=1", "query"),
        ("a=1&" * 30, "query"),
    ],
)
def test_a_wrong_query_is_422_and_names_the_parameter(sqlite_stage: Stage, query: str, field: str) -> None:
    answer = Caller(sqlite_stage.parts).get(JOBS, query=query)
    assert answer.problem == (422, "invalid-request")
    assert answer.fields == [field]


def test_a_list_is_json_or_406(sqlite_stage: Stage) -> None:
    caller = Caller(sqlite_stage.parts)
    assert caller.get(JOBS, headers={"accept": "text/html"}).problem == (406, "not-acceptable")
    assert caller.get(JOBS, headers={"accept": "application/*"}).status == 200
