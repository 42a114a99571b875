"""GET …/coverage: the spans of a document, on both databases."""

from __future__ import annotations

import hashlib

from functions.core.model import ChunkHint
from tests.fakes.caller import Caller
from tests.fakes.stage import Stage

TEXT = "grüße, 😀 und e\u0301 noch mehr! "


def coverage(job_id: str) -> str:
    """Where it is."""
    return f"/v1/analyze/{job_id}/coverage"


def test_the_spans_tile_the_document_and_their_digests_are_of_its_bytes(stage: Stage) -> None:
    data = (TEXT * 20).encode()
    job_id = stage.submit(TEXT * 20, max_chunk_chars=7)
    stage.settle(job_id)
    caller = Caller(stage.parts)
    char, byte, after, count = 0, 0, "", 0
    while after is not None:
        page = caller.get(coverage(job_id), query=f"limit=13{after and '&after=' + after}").json
        for span in page["items"]:
            assert (span["chunk_index"], span["char_start"], span["byte_start"]) == (count, char, byte)
            text = data[byte : span["byte_end"]]
            assert hashlib.sha256(text).hexdigest() == span["sha256"]
            count, char, byte = count + 1, char + len(text.decode()), span["byte_end"]
        after = page["next_cursor"]
    assert (page["total_chunks"], page["document_chars"], page["document_bytes"]) == (count, char, byte)
    assert byte == len(data)


def test_a_span_shows_its_state_and_attempts_and_no_result(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh")
    stage.work(ChunkHint(job_id, 0, 0))
    page = Caller(stage.parts).get(coverage(job_id)).json
    assert page["items"] == [
        {
            "chunk_index": 0,
            "status": "COMPLETED",
            "char_start": 0,
            "char_end": 4,
            "byte_start": 0,
            "byte_end": 4,
            "attempts": 1,
            "sha256": hashlib.sha256(b"abcd").hexdigest(),
        },
        {
            "chunk_index": 1,
            "status": "PENDING",
            "char_start": 4,
            "char_end": 8,
            "byte_start": 4,
            "byte_end": 8,
            "attempts": 0,
            "sha256": hashlib.sha256(b"efgh").hexdigest(),
        },
    ]
    assert (page["status"], page["finished_prefix"], page["run"]) == ("PROCESSING", 1, 1)


def test_what_is_unknown_of_an_upload_is_null(stage: Stage) -> None:
    job_id = stage.submit("abcdefgh", planned=False)
    stage.change_job(job_id, document_id="d", document_encoding=None, document_chars=0)
    caller = Caller(stage.parts)
    page, job = caller.get(coverage(job_id)).json, caller.get(f"/v1/analyze/{job_id}").json
    for body in (page, job):
        assert (body["document_chars"], body["document_bytes"], body["total_chunks"]) == (None, None, None)
    assert (job["document_id"], job["encoding"]) == ("d", None)
    stage.change_job(job_id, document_encoding="utf-16-le")  # its planner has looked
    job = caller.get(f"/v1/analyze/{job_id}").json
    assert (job["document_chars"], job["document_bytes"], job["encoding"]) == (None, 8, "utf-16-le")


def test_a_span_older_than_the_digest_has_none(stage: Stage) -> None:
    job_id = stage.submit("text")
    stage.change(job_id, 0, sha256=None)
    assert Caller(stage.parts).get(coverage(job_id)).json["items"][0]["sha256"] is None


def test_a_page_of_the_largest_size_fits_into_an_answer(sqlite_stage: Stage) -> None:
    job_id = sqlite_stage.submit("ab" * 10_000, max_chunk_chars=2)
    answer = Caller(sqlite_stage.parts).get(coverage(job_id), query="limit=10000")
    assert (answer.status, len(answer.json["items"]), answer.json["next_cursor"]) == (200, 10_000, None)
