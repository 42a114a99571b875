"""Documents uploaded by the command line over the whole stack: the same results, and the verbs of a client."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.up import cli
from tests.fixtures.running import Running

BOOK = Path(__file__).parents[2] / "local" / "samples" / "moby-dick.txt"


def analyze(piecewise: Running, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return cli("analyze", str(file), "--server", piecewise.url, "--model", "local", *options)


def newest(piecewise: Running) -> str:
    """The id of the job that was made last."""
    page = json.loads(cli("list", "--limit", "1", "--json", "--server", piecewise.url).stdout)
    return str(page["items"][0]["job_id"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_book_that_is_uploaded_gives_the_result_of_one_in_the_body(
    piecewise: Running, tmp_path: Path, encoding: str
) -> None:
    """Twice the book in UTF-8 would still fit a request, so it is three times here; UTF-16 goes by upload anyway."""
    text = BOOK.read_text("utf-8") * (3 if encoding == "utf-8" else 1)
    file, target = tmp_path / "book.txt", tmp_path / "result.txt"
    file.write_bytes(text.encode(encoding))
    done = analyze(piecewise, file, "--max-chunk-chars", "100000", "-o", str(target))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "uploaded" in done.stderr
    uploaded = piecewise.look(newest(piecewise))
    assert (uploaded["document_chars"], uploaded["document_bytes"]) == (len(text), len(text.encode()))
    assert uploaded["document_id"]
    plain = {"content-type": "text/plain; charset=utf-8"}
    options: dict[str, str | int] = {"max_chunk_chars": 100_000, "model": "local"}
    answer = piecewise.http.post("/v1/analyze", content=text.encode(), headers=plain, params=options)
    assert answer.status_code == 202
    assert piecewise.ended(answer.json()["job_id"])["status"] == "COMPLETED"
    assert target.read_text("utf-8") == piecewise.result(answer.json()["job_id"])
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_text_is_told_with_the_offset_in_the_file(piecewise: Running, tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_bytes(b"x" * 3_500_000 + b"\xff" + b"x" * 10)
    done = analyze(piecewise, file, "--max-chunk-chars", "200000")
    assert (done.returncode, done.stdout) == (4, "")
    assert "document_unreadable" in done.stderr
    assert "byte 3,500,000" in done.stderr or "byte 3500000" in done.stderr


def test_the_verbs_of_a_client_from_the_command_line(piecewise: Running, tmp_path: Path) -> None:
    file = tmp_path / "pages.txt"
    file.write_text("\n\n".join([*(f"Page {number} of it." for number in range(5)), "Here is POISON."]))
    at = ("--server", piecewise.url)
    done = cli("analyze", str(file), "--max-chunk-chars", "17", *at)
    assert done.returncode == 3, done.stderr
    job_id = newest(piecewise)

    chunks = cli("chunks", job_id, *at).stdout.splitlines()
    failed = cli("chunks", job_id, "--status", "FAILED", *at).stdout.splitlines()
    assert len(chunks) == piecewise.look(job_id)["total_chunks"]
    assert failed == [line for line in chunks if " FAILED " in line]
    assert failed
    records = cli("result", job_id, "--ndjson", *at).stdout.splitlines()
    assert [json.loads(record)["chunk_index"] for record in records] == list(range(len(chunks)))
    assert cli("result", job_id, *at).stdout == done.stdout

    again = cli("retry", job_id, *at)
    assert (again.returncode, again.stdout) == (3, done.stdout), again.stderr
    assert piecewise.look(job_id)["run"] == 2
    assert cli("cancel", job_id, *at).returncode == 1  # it has ended

    listed = cli("list", "--status", "PARTIAL_SUCCESS", *at).stdout
    assert job_id in listed
    assert cli("delete", job_id, "--yes", *at).returncode == 0
    assert cli("status", job_id, *at).returncode == 1
    assert job_id not in cli("list", *at).stdout


def test_a_running_job_is_stopped_from_the_command_line(slow_model: Running, tmp_path: Path) -> None:
    file = tmp_path / "pages.txt"
    file.write_text("A page of it.\n\n" * 200)
    at = ("--server", slow_model.url)
    job_id = cli("analyze", str(file), "--max-chunk-chars", "15", "--no-wait", *at).stdout.strip()
    stopped = cli("cancel", job_id, *at)
    assert (stopped.returncode, stopped.stdout.split()[:2]) == (0, [job_id, "CANCELLED"])
    assert cli("status", job_id, *at).returncode == 5
