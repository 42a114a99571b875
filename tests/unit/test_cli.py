from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.cli import Cli
from tests.unit.fake_server import JOB_ID, Answer, FakeServer, job, serving


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def book(tmp_path: Path) -> str:
    path = tmp_path / "book.txt"
    path.write_text("Once upon a time.\n")
    return str(path)


FAILED_CHUNK = {
    "chunk_index": 1, "char_start": 4, "char_end": 9, "byte_start": 4, "byte_end": 9, "attempts": 3,
    "code": "server_error", "message": "the model answered 500",
}  # fmt: skip


def test_a_completed_job_prints_its_result_alone_on_stdout(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job("PROCESSING", completed=1), job(analysis_result="## Größe"))
    result = cli("analyze", book, "--server", server.url)
    assert (result.code, result.out) == (0, "## Größe\n")
    assert result.err.startswith(f"using the server at {server.url}\n")
    assert "1/2 chunks done, 0 failed, 1 waiting" in result.err
    assert server.asked[0].body == b"Once upon a time.\n"


def test_a_large_result_is_fetched(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job(result_url=f"/v1/analyze/{JOB_ID}/result"))
    server.on("GET", f"/v1/analyze/{JOB_ID}/result", Answer(b"large\n", headers={"Content-Type": "text/plain"}))
    assert cli("analyze", book, "--server", server.url).out == "large\n"


@pytest.mark.parametrize(
    ("status", "completed", "failed", "code"),
    [("COMPLETED", 2, 0, 0), ("PARTIAL_SUCCESS", 1, 1, 3), ("FAILED", 0, 2, 4), ("CANCELLED", 1, 0, 5)],
)
def test_the_exit_status_is_the_jobs(
    cli: Cli, server: FakeServer, book: str, status: str, completed: int, failed: int, code: int
) -> None:
    server.job(job(status, completed, failed))
    assert cli("analyze", book, "--server", server.url).code == code
    assert cli("status", JOB_ID, "--server", server.url).code == code
    assert cli("status", JOB_ID, "--server", server.url, "--watch").code == code
    assert cli("analyze", book, "--server", server.url, "--json").code == code


def test_a_partial_success_prints_what_there_is_and_lists_what_failed(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job("PARTIAL_SUCCESS", 1, 1, analysis_result="half\n", chunk_errors=[FAILED_CHUNK]))
    result = cli("analyze", book, "--server", server.url)
    assert result.out == "half\n"
    assert "ended PARTIAL_SUCCESS: 1 of 2 chunks have a result" in result.err
    for word in ("1", "4-9", "3", "server_error", "the model answered 500"):
        assert word in result.err


def test_a_job_that_could_not_be_planned_says_why(cli: Cli, server: FakeServer, book: str) -> None:
    error = {"code": "document_missing", "message": "the document is gone\x1b[2J"}
    server.job(job("FAILED", 0, 0, None, error=error))
    result = cli("analyze", book, "--server", server.url)
    assert result.code == 4
    assert "error document_missing: the document is gone\N{REPLACEMENT CHARACTER}[2J\n" in result.err


def test_a_long_list_of_failures_is_cut(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job("FAILED", 0, 100, 100, chunk_errors=[FAILED_CHUNK] * 100))
    result = cli("analyze", book, "--server", server.url)
    assert result.err.count("server_error") == 20
    assert "… and 80 more" in result.err


def test_json_is_the_get_body_alone(cli: Cli, server: FakeServer, book: str) -> None:
    last = job("PARTIAL_SUCCESS", 1, 1, result_url="/x", chunk_errors=[FAILED_CHUNK])
    server.job(last)
    assert json.loads(cli("analyze", book, "--server", server.url, "--json").out) == last
    assert json.loads(cli("status", JOB_ID, "--server", server.url, "--json").out) == last


def test_no_wait_prints_the_job_id_and_leaves(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job("PENDING", 0))
    result = cli("analyze", book, "--server", server.url, "--no-wait")
    assert (result.code, result.out) == (0, f"{JOB_ID}\n")
    assert [asked.method for asked in server.asked] == ["POST"]


def test_options_reach_the_server(cli: Cli, server: FakeServer, book: str) -> None:
    server.job(job())
    options = ("--model", "simulated", "--instructions", "list names", "--max-chunk-chars", "7", "--max-attempts", "5")
    cli("analyze", book, "--server", server.url, *options, "--overlap-chars", "9", "--idempotency-key", "k")
    body = json.loads(server.asked[0].body)
    assert body.pop("raw_text") == "Once upon a time.\n"
    assert body == {
        "model": "simulated", "instructions": "list names", "max_chunk_chars": 7, "max_attempts": 5, "overlap_chars": 9,
    }  # fmt: skip
    assert server.asked[0].headers["Idempotency-Key"] == "k"


def test_a_dash_reads_standard_input(cli: Cli, server: FakeServer) -> None:
    server.job(job())
    assert cli("analyze", "-", "--server", server.url, stdin=b"piped text").code == 0
    assert server.asked[0].body == b"piped text"


def test_the_environment_names_the_server(
    cli: Cli, server: FakeServer, book: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.job(job())
    monkeypatch.setenv("PIECEWISE_SERVER", server.url + "/")
    assert f"using the server at {server.url}\n" in cli("analyze", book).err
    assert cli("analyze", book, "--server", "http://127.0.0.1:9").code == 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty: there is nothing to analyze"),
        (
            b"fine so far \xff\xfe",
            "is not UTF-8 text: byte 0xff at offset 12. Convert it first, for example with: iconv -f LATIN1",
        ),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text: byte 0x89 at offset 0. It looks binary: it has control characters"),
        (
            "Größe".encode("utf-16-le"),
            "is not UTF-8 text: byte 0xf6 at offset 4. It looks binary, or like UTF-16 without a byte order mark",
        ),
        (
            "size".encode("utf-16-be"),
            "is no text that can be taken: NUL at offset 0. It looks binary, or like UTF-16 without a byte order mark",
        ),
        (b"a line\n" * 2000 + b"\0", "is no text that can be taken: NUL at offset 14,000. Remove it"),
        ("size".encode("utf-32"), "is UTF-32, which is not taken. Convert it first: iconv -f UTF-32 -t UTF-8 FILE"),
        (codecs.BOM_UTF32_BE + bytes(4_000_000), "is UTF-32, which is not taken."),
    ],
)
def test_a_document_that_cannot_be_taken_is_one_line(
    cli: Cli, server: FakeServer, tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "document"
    path.write_bytes(data)
    for file, stdin, shown in ((str(path), b"", str(path)), ("-", data, "standard input")):
        result = cli("analyze", file, "--server", server.url, stdin=stdin)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"piecewise: error: {shown} {words}")
        assert result.err.count("\n") == 1
    assert server.asked == []


def test_what_is_blank_is_for_the_service_to_judge(cli: Cli, server: FakeServer) -> None:
    server.job(job())
    assert cli("analyze", "-", "--server", server.url, stdin=b" \n\t").code == 0
    assert server.asked[0].body == b" \n\t"


@pytest.mark.parametrize(("name", "reason"), [("missing.txt", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_line(
    cli: Cli, server: FakeServer, tmp_path: Path, name: str, reason: str
) -> None:
    path = str(tmp_path / name)
    result = cli("analyze", path, "--server", server.url)
    assert (result.code, result.err) == (1, f"piecewise: error: cannot read {path}: {reason}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "x", "--max-attempts", "2"),
        ("analyze", "x", "--max-chunk-chars", "0"),
        ("analyze", "x", "--server", "127.0.0.1:3000"),
        ("analyze", "x", "--overlap-chars", "10001"),
        ("analyze", "x", "--idempotency-key", "two words"),
        ("analyze", "x", "--output", "result", "--no-wait"),
        ("retry",),
        ("retry", JOB_ID, "--output", "result", "--no-wait"),
        ("list", "--limit", "0"),
        ("list", "--status", "DONE"),
        ("chunks", JOB_ID, "--status", "CANCELLED"),
        ("delete", JOB_ID),
        ("delete", "", "--yes"),
        ("status", ""),
        ("status", "../documents"),
        ("result", f"{JOB_ID}\n"),
        ("chunks", "a" * 65),
        ("retry", "grün"),
        ("cancel", f"{JOB_ID}/retry"),
        ("analyze", "x", "--server", "http://host:port"),
        ("status",),
        ("status", JOB_ID, "--server", "ftp://host"),
        ("up", "--port", "65536"),
        ("up", "--concurrency", "0"),
        ("up", "--isolated", "--workers", "2"),
        ("up", "--simulate", "latency"),
        ("up", "--simulate", "=1"),
        ("up", "--simulate", "latency=slow"),
        ("up", "--simulate", "colour=red"),
        ("no-such-command",),
    ],
)
def test_bad_usage_is_status_2_and_starts_nothing(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err


def test_a_server_that_is_not_reached_is_status_6(cli: Cli, book: str) -> None:
    with serving() as gone:
        url = gone.url
    of_a_job = [(name, JOB_ID) for name in ("status", "result", "chunks", "retry", "cancel")]
    for arguments in (("analyze", book), ("list",), ("delete", JOB_ID, "--yes"), *of_a_job):
        result = cli(*arguments, "--server", url)
        assert result.code == 6
        assert f"piecewise: error: cannot reach {url}: " in result.err


def test_what_the_server_refuses_is_status_1_in_its_words(cli: Cli, server: FakeServer, book: str) -> None:
    server.on("POST", "/v1/analyze", Answer({"detail": "there is no model 'x'"}, 422))
    result = cli("analyze", book, "--server", server.url)
    assert result.code == 1
    assert result.err.endswith("piecewise: error: there is no model 'x' (422)\n")


def test_the_status_of_a_running_job_is_told_and_is_no_failure(cli: Cli, server: FakeServer) -> None:
    server.job(job("PROCESSING", 1, 0, 4, progress_pct=25))
    result = cli("status", JOB_ID, "--server", server.url)
    assert result.code == 0
    assert result.out.startswith(
        f"{JOB_ID}  PROCESSING  25 %\n  chunks    1 completed, 0 failed, 3 waiting, 4 in all\n"
    )


def test_the_status_of_an_unknown_job_is_an_error(cli: Cli, server: FakeServer) -> None:
    result = cli("status", "nosuchjob", "--server", server.url)
    assert (result.code, result.out) == (1, "")


def test_the_version_is_printed(cli: Cli) -> None:
    result = cli("--version")
    assert result.code == 0
    assert result.out.startswith("piecewise 0.")
