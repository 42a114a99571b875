"""GET …/chunks and …/result as records: results chunk by chunk, while the job runs and after, on both databases."""

from __future__ import annotations

import json

import pytest

from functions.api import pages
from functions.api.fitting import MOST_BYTES
from functions.core.errors import ProviderError
from functions.core.jobs import ChunkStatus
from functions.core.keys import records_key
from functions.core.model import ChunkHint
from tests.fakes.caller import Caller
from tests.fakes.stage import Stage

TEXT = "üüüüyyyyzzzz"


def chunks(job_id: str) -> str:
    """Where they are."""
    return f"/v1/analyze/{job_id}/chunks"


def result(job_id: str) -> str:
    """Where it is."""
    return f"/v1/analyze/{job_id}/result"


NDJSON = {"accept": "application/x-ndjson"}


def test_a_chunk_shows_its_span_its_state_and_its_result(stage: Stage) -> None:
    stage.model.lines = {1: [ProviderError("refused_content", "The model said no.")]}
    job_id = stage.submit(TEXT)
    stage.settle(job_id)
    page = Caller(stage.parts).get(chunks(job_id)).json
    first, second, _ = page.pop("items")
    assert first.pop("finished_at").endswith("Z")
    assert first == {
        "chunk_index": 0,
        "status": "COMPLETED",
        "char_start": 0,
        "char_end": 4,
        "byte_start": 0,
        "byte_end": 8,
        "attempts": 1,
        "result": "<üüüü>",
        "result_bytes": 10,
        "error": None,
    }
    assert (second["status"], second["result"], second["result_bytes"]) == ("FAILED", None, None)
    assert second["error"] == {"code": "refused_content", "message": "The model said no."}
    assert page == {
        "next_cursor": None,
        "finished_prefix": 3,
        "total_chunks": 3,
        "planned_chunks": 3,
        "status": "PARTIAL_SUCCESS",
        "run": 1,
    }


def test_chunks_are_readable_while_the_job_runs(stage: Stage) -> None:
    job_id = stage.submit(TEXT)
    stage.work(ChunkHint(job_id, 0, 0), ChunkHint(job_id, 2, 0))
    page = Caller(stage.parts).get(chunks(job_id)).json
    assert [item["result"] for item in page["items"]] == ["<üüüü>", None, "<zzzz>"]
    assert (page["status"], page["finished_prefix"], page["next_cursor"]) == ("PROCESSING", 1, None)


def test_pages_give_every_chunk_once_and_in_order(stage: Stage) -> None:
    job_id = stage.submit("abcd" * 25)
    stage.settle(job_id)
    caller, seen, after = Caller(stage.parts), [], ""
    while after is not None:
        page = caller.get(chunks(job_id), query=f"limit=7{after and '&after=' + after}").json
        seen += [item["chunk_index"] for item in page["items"]]
        after = page["next_cursor"]
    assert seen == list(range(25))


def test_whoever_has_read_all_that_is_planned_asks_again_with_the_same_cursor(stage: Stage) -> None:
    job_id = stage.submit("abcd" * 3, planned=False)
    caller = Caller(stage.parts)
    page = caller.get(chunks(job_id)).json
    assert (page["items"], page["next_cursor"], page["total_chunks"], page["planned_chunks"]) == ([], None, None, 0)
    stage.settle(job_id)
    assert len(caller.get(chunks(job_id)).json["items"]) == 3


def test_chunks_can_be_of_one_state(stage: Stage) -> None:
    stage.model.lines = {1: [ProviderError("refused_content", "No.")], 3: [ProviderError("refused_content", "No.")]}
    job_id = stage.submit("abcd" * 5)
    stage.settle(job_id)
    caller = Caller(stage.parts)
    first = caller.get(chunks(job_id), query="status=FAILED&limit=1").json
    assert [item["chunk_index"] for item in first["items"]] == [1]
    second = caller.get(chunks(job_id), query=f"status=FAILED&limit=1&after={first['next_cursor']}").json
    assert ([item["chunk_index"] for item in second["items"]], second["next_cursor"]) == ([3], None)
    for status in ChunkStatus:
        assert caller.get(chunks(job_id), query=f"status={status}").status == 200


def test_large_results_make_a_page_shorter_and_the_next_one_goes_on(stage: Stage) -> None:
    job_id = stage.submit("abcd" * 3)
    stage.settle(job_id)
    large = '"' * 1_500_000  # twice as long in JSON
    for index in range(3):
        stage.change(job_id, index, result=large)
    caller, seen, after = Caller(stage.parts), [], ""
    while after is not None:
        answer = caller.get(chunks(job_id), query=after and f"after={after}")
        assert len(answer.body) <= MOST_BYTES
        (item,) = answer.json["items"]
        seen.append(item["result"])
        after = answer.json["next_cursor"]
    assert seen == [large] * 3


def test_a_result_too_large_for_any_answer_is_left_out_and_its_size_said(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh")
    stage.settle(job_id)
    stage.change(job_id, 0, result="\x01" * 900_000)  # six times as long in JSON
    first, second = Caller(stage.parts).get(chunks(job_id)).json["items"]
    assert (first["result"], first["result_bytes"]) == (None, 900_000)
    assert second["result"] == "<efgh>"


def test_a_page_never_reads_more_than_an_answer_holds() -> None:
    assert pages.RESULT_BYTES <= MOST_BYTES


@pytest.mark.parametrize("path", ["chunks", "coverage"])
@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=10001", "limit"), ("after=0", "after"), ("after=j1", "after"), ("x=", "x")],
)
def test_a_wrong_query_is_422_and_names_the_parameter(sqlite_stage: Stage, path: str, query: str, field: str) -> None:
    job_id = sqlite_stage.submit("text")
    answer = Caller(sqlite_stage.parts).get(f"/v1/analyze/{job_id}/{path}", query=query)
    assert (answer.problem, answer.fields) == ((422, "invalid-request"), [field])


def test_the_last_cursor_that_there_can_be_is_fine(stage: Stage) -> None:
    job_id = stage.submit("text")
    assert Caller(stage.parts).get(chunks(job_id), query="after=czzzzzz").json["items"] == []


@pytest.mark.parametrize("path", ["", "/chunks", "/coverage", "/result"])
@pytest.mark.parametrize("job_id", ["%00", "'", "x" * 65, "ü", "unknown"])
def test_no_id_of_ours_is_404(stage: Stage, path: str, job_id: str) -> None:
    assert Caller(stage.parts).get(f"/v1/analyze/{job_id}{path}").problem == (404, "job-not-found")


# -- the whole result as records


def test_records_say_of_every_chunk_what_became_of_it(stage: Stage) -> None:
    stage.model.lines = {1: [ProviderError("refused_content", "The model said no.")]}
    job_id = stage.submit(TEXT)
    stage.settle(job_id)
    answer = Caller(stage.parts).get(result(job_id), headers=NDJSON)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    first, second, third = [json.loads(line) for line in answer.body.decode().split("\n")[:-1]]
    assert first == {
        "chunk_index": 0,
        "status": "COMPLETED",
        "char_start": 0,
        "char_end": 4,
        "byte_start": 0,
        "byte_end": 8,
        "attempts": 1,
        "result": "<üüüü>",
        "error": None,
    }
    assert second["error"] == {"code": "refused_content", "message": "The model said no."}
    assert third["result"] == "<zzzz>"


def test_records_of_more_than_a_page_are_whole(stage: Stage) -> None:
    job_id = stage.submit("ab" * 1_300, max_chunk_chars=2)
    stage.settle(job_id)
    lines = Caller(stage.parts).get(result(job_id), headers=NDJSON).body.splitlines()
    assert [json.loads(line)["chunk_index"] for line in lines] == list(range(1_300))


def test_a_job_that_failed_chunk_by_chunk_has_records_and_no_text(stage: Stage) -> None:
    stage.model.lines = {0: [ProviderError("refused_content", "No.")]}
    job_id = stage.submit("text")
    stage.settle(job_id)
    caller = Caller(stage.parts)
    refused = caller.get(result(job_id))
    assert refused.problem == (409, "no-result")
    assert f"GET {chunks(job_id)}, or here as application/x-ndjson." in refused.json["detail"]
    assert json.loads(caller.get(result(job_id), headers=NDJSON).body)["status"] == "FAILED"


def test_records_in_the_bucket_are_a_redirect_when_they_are_large(stage: Stage) -> None:
    job_id = stage.submit("text")
    stage.settle(job_id)
    stage.change_job(job_id, records_bytes=5)
    stage.documents.objects[records_key(job_id, 1)] = b'"a"\n\n'
    assert Caller(stage.parts).get(result(job_id), headers=NDJSON).body == b'"a"\n\n'
    answer = Caller(stage.with_settings(response_bytes=4).parts).get(result(job_id), headers=NDJSON)
    assert answer.status == 307
    assert records_key(job_id, 1) in answer.headers["location"]


def test_records_that_were_never_put_together_and_are_too_large_are_in_the_chunks(stage: Stage) -> None:
    job_id = stage.submit("abcd" * 5)
    stage.work(*(ChunkHint(job_id, index, 0) for index in range(4)))
    stage.cancel(job_id)
    whole = Caller(stage.parts).get(result(job_id), headers=NDJSON)
    assert [json.loads(line)["status"] for line in whole.body.splitlines()] == ["COMPLETED"] * 4 + ["PENDING"]
    answer = Caller(stage.with_settings(response_bytes=len(whole.body) - 1).parts).get(result(job_id), headers=NDJSON)
    assert answer.problem == (409, "result-in-chunks")
    assert chunks(job_id) in answer.json["detail"]


@pytest.mark.parametrize(("headers", "planned"), [({}, False), (NDJSON, False), ({}, True)])
def test_a_job_without_a_result_names_only_what_there_is_of_its_chunks(
    sqlite_stage: Stage, headers: dict[str, str], planned: bool
) -> None:
    job_id = sqlite_stage.submit("text", planned=planned)
    sqlite_stage.cancel(job_id)
    refused = Caller(sqlite_stage.parts).get(result(job_id), headers=headers)
    assert refused.problem == (409, "no-result")
    assert ("/chunks" in refused.json["detail"]) is ("ndjson" in refused.json["detail"]) is planned


@pytest.mark.parametrize("headers", [{}, NDJSON])
def test_a_job_that_runs_has_no_result_in_any_form(stage: Stage, headers: dict[str, str]) -> None:
    job_id = stage.submit("text")
    answer = Caller(stage.parts).get(result(job_id), headers=headers)
    assert (answer.problem, answer.headers["retry-after"]) == ((409, "job-still-running"), "1")


def test_a_result_in_a_form_that_there_is_not_is_406(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("text")
    answer = Caller(sqlite_stage.parts).get(result(job_id), headers={"accept": "application/json"})
    assert answer.problem == (406, "not-acceptable")
    assert "text/plain or application/x-ndjson" in answer.json["detail"]
