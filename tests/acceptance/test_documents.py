"""Documents as people send them, refusals as they get them, and results as they read them, over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from functions.core.providers.simulated import simulated_text
from functions.core.results import SEPARATOR
from tests.fixtures.running import PATIENCE, Running

ROOT = Path(__file__).parent.parent
BOOK = ROOT.parent / "local" / "samples" / "moby-dick.txt"
DECLARATIONS = sorted((ROOT / "samples").glob("udhr_*.txt"))

POST = """
import sys, urllib.request
headers = {"Content-Type": "text/plain"}
with open(sys.argv[2], "rb") as document:
    request = urllib.request.Request(sys.argv[1], document.read(), headers)
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
    print(answer.read().decode())
"""


# -- in


def test_a_file_is_posted_as_it_is_with_options_in_the_query(piecewise: Running, tmp_path: Path) -> None:
    """As `curl --data-binary @book.txt` does it, by a client that is no library of ours."""
    (tmp_path / "book.txt").write_text("All hands! " * 40)
    query = urlencode({"max_chunk_chars": 100, "max_attempts": 4, "instructions": "count; 50% at least"})
    address = f"{piecewise.url}/v1/analyze?{query}"
    command = [sys.executable, "-c", POST, address, str(tmp_path / "book.txt")]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout)
    job = piecewise.check(answer["job_id"], "All hands! " * 40)
    assert (job["status"], job["max_chunk_chars"], job["max_attempts"]) == ("COMPLETED", 100, 4)


def test_many_scripts_with_a_byte_order_mark_and_crlf_are_kept_to_the_last_character(piecewise: Running) -> None:
    declarations = "\n\n".join(path.read_text("utf-8") for path in DECLARATIONS)
    family, flag = "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1f3\U0001f1f4"
    text = declarations.replace("\n", "\r\n") + f"\r\n{family}{flag} e\u0301"
    body = ("\ufeff" + text).encode()
    plain = {"content-type": "text/plain; charset=utf-8"}
    answer = piecewise.http.post("/v1/analyze", content=body, headers=plain, params={"max_chunk_chars": 700}).json()
    assert answer["bom_removed"]
    assert (answer["document_chars"], answer["document_bytes"]) == (len(text), len(body) - 3)
    job = piecewise.check(answer["job_id"], text)
    assert (job["status"], job["bom_removed"]) == ("COMPLETED", True)
    for row in piecewise.chunks(answer["job_id"]):
        span = text[row["char_start"] : row["char_end"]]
        assert text.encode()[row["byte_start"] : row["byte_end"]].decode() == span
        assert not (span.endswith("\r") and text[row["char_end"] :].startswith("\n"))


def test_the_largest_body_we_take_is_analysed_and_one_byte_more_is_refused_in_our_words(piecewise: Running) -> None:
    text = "A line of the log.\n" * 210_526 + "ends."
    plain = {"content-type": "text/plain"}
    answer = piecewise.http.post(
        "/v1/analyze", content=text[:4_000_000], headers=plain, params={"max_chunk_chars": 200_000}
    )
    assert answer.status_code == 202
    assert piecewise.check(answer.json()["job_id"], text[:4_000_000])["status"] == "COMPLETED"
    refused = piecewise.http.post("/v1/analyze", content=text[:3_999_999] + "!!", headers=plain)
    assert (refused.status_code, refused.headers["content-type"]) == (413, "application/problem+json")
    assert "4,000,000" in refused.json()["detail"]


@pytest.mark.parametrize("size", [7_000_000, 10 * 1024 * 1024 + 1])
def test_what_lambda_or_the_gateway_would_not_take_is_refused_in_their_words(piecewise: Running, size: int) -> None:
    refused = piecewise.http.post("/v1/analyze", content=b"x" * size, headers={"content-type": "text/plain"})
    assert (refused.status_code, refused.json()) == (413, {"message": "Request Entity Too Large"})


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"not JSON", 400, "unreadable-body"),
        (b"[]", 422, "invalid-request"),
        (b'{"max_chunk_chars": 40}', 422, "invalid-request"),
        (b'{"raw_text": ""}', 422, "invalid-request"),
        (b'{"raw_text": 7}', 422, "invalid-request"),
        (b'{"raw_text": "a\\u0000b"}', 422, "invalid-request"),
        (b'{"raw_text": "a\\ud800b"}', 422, "invalid-request"),
        (b'{"raw_text": "a", "max_chunk_chars": 0}', 422, "invalid-request"),
        (b'{"raw_text": "a", "max_chunk_chars": 200001}', 422, "invalid-request"),
        (b'{"raw_text": "a", "max_attempts": 11}', 422, "invalid-request"),
        (b'{"raw_text": "a", "colour": "red"}', 422, "invalid-request"),
        (b'{"raw_text": "a", "model": "oracle"}', 422, "unknown-model"),
        (b'{"raw_text": "' + b"a" * 100_001 + b'", "max_chunk_chars": 1}', 422, "too-many-chunks"),
    ],
)
def test_a_refusal_says_why_and_nothing_is_stored(piecewise: Running, body: bytes, status: int, kind: str) -> None:
    before = stored(piecewise)
    refused = piecewise.http.post("/v1/analyze", content=body, headers={"content-type": "application/json"})
    problem = refused.json()
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["type"], problem["status"]) == (f"urn:piecewise:problem:{kind}", status)
    assert problem["detail"]
    assert stored(piecewise) == before


def stored(seen: Running) -> tuple[int, int]:
    """(jobs, objects)."""
    return len(seen.rows("SELECT job_id FROM analysis_jobs")), len(list((seen.state / "objects").rglob("*")))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/analyze/0000000000000000000000000000", 404),
        ("GET", "/v1/analyze/no%20id", 404),
        ("GET", "/v1/analyze/0000000000000000000000000000/result", 404),
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/analyze", 405),
        ("POST", "/v1/analyze", 415),
    ],
)
def test_what_is_not_there_is_a_problem_too(piecewise: Running, method: str, path: str, status: int) -> None:
    answer = piecewise.http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]


# -- out


@pytest.mark.parametrize(
    ("chunks", "inline", "redirected"), [(20, True, False), (100, False, False), (200, False, True)]
)
def test_a_result_is_inline_or_text_or_behind_a_redirect_by_its_size(
    piecewise: Running, chunks: int, inline: bool, redirected: bool
) -> None:
    text = "".join(f"{number:09}\n" for number in range(chunks))
    job_id = piecewise.submit(text, max_chunk_chars=10)
    job = piecewise.check(job_id, text)
    whole = SEPARATOR.join(simulated_text(number, f"{number:09}\n") for number in range(chunks))
    assert job["analysis_result"] == (whole if inline else None)
    assert job["result_url"] == (None if inline else f"/v1/analyze/{job_id}/result")
    answer = piecewise.http.get(f"/v1/analyze/{job_id}/result")
    assert answer.status_code == (307 if redirected else 200)
    assert piecewise.result(job_id) == whole
    followed = piecewise.http.get(f"/v1/analyze/{job_id}/result", follow_redirects=True)
    assert followed.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_result_of_a_running_job_is_asked_for_too_early(slow_model: Running) -> None:
    early = slow_model.http.get(f"/v1/analyze/{slow_model.submit('A tale.')}/result")
    assert (early.status_code, early.json()["type"]) == (409, "urn:piecewise:problem:job-still-running")
    assert int(early.headers["retry-after"]) >= 1


# -- the model that needs nothing


def test_a_whole_book_is_analysed_and_every_quote_stands_where_it_says(piecewise: Running) -> None:
    book = BOOK.read_text("utf-8")
    job_id = piecewise.submit(book, model="local")
    job = piecewise.ended(job_id)
    assert (job["status"], job["chunks_completed"]) == ("COMPLETED", job["total_chunks"])
    quotes = list(
        re.finditer(r'^\[(\d+)-(\d+)\] (?:\.\.\. )?"(.*)"( \.\.\.)?$', piecewise.result(job_id), re.MULTILINE)
    )
    starts = [int(quote[1]) for quote in quotes]
    assert len(quotes) > job["total_chunks"]
    assert all(" ".join(book[int(quote[1]) : int(quote[2])].split()) == quote[3] for quote in quotes)
    spans = [(row["char_start"], row["char_end"]) for row in piecewise.chunks(job_id)]
    assert all(any(start in range(*span) for start in starts) for span in spans[5:])
