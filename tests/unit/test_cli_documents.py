"""Documents that go to the service by way of an upload, and results that go into files."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.cli import Cli, Result
from tests.unit.fake_server import JOB_ID, Answer, Asked, FakeServer, job, serving
from tests.unit.fake_uploads import DOCUMENT_ID, FakeUploads

LARGE = "Größe und Länge.\n".encode() * 200_000
RESULT = f"/v1/analyze/{JOB_ID}/result"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def uploads(server: FakeServer) -> FakeUploads:
    return FakeUploads(server)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(LARGE)
    return path


def test_a_large_file_is_uploaded_and_then_named_with_the_options(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path
) -> None:
    server.job(job(analysis_result="done\n"))
    result = cli("analyze", str(book), "--server", server.url, "--max-chunk-chars", "9", "--idempotency-key", "k")
    assert (result.code, result.out) == (0, "done\n")
    assert uploads.data == LARGE
    assert uploads.announced["content_type"] == "text/plain"
    assert "uploaded 4.0 MB of 4.0 MB" in result.err
    (asked,) = (asked for asked in server.asked if asked.path == "/v1/analyze")
    assert json.loads(asked.body) == {"document_id": DOCUMENT_ID, "max_chunk_chars": 9}
    assert asked.headers["Idempotency-Key"] == "k"


def test_three_megabytes_go_with_the_request_and_one_byte_more_does_not(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path
) -> None:
    server.job(job(analysis_result="done"))
    for size in (3_000_000, 3_000_001):
        book.write_bytes(b"x" * size)
        assert cli("analyze", str(book), "--server", server.url).code == 0
    assert uploads.data == b"x" * 3_000_001
    assert len(server.asked[0].body) == 3_000_000


def test_a_large_standard_input_is_uploaded(cli: Cli, server: FakeServer, uploads: FakeUploads) -> None:
    server.job(job(analysis_result="done"))
    assert cli("analyze", "-", "--server", server.url, stdin=LARGE).code == 0
    assert uploads.data == LARGE


def test_a_pipe_with_a_name_is_read_as_standard_input_is(
    cli: Cli, server: FakeServer, uploads: FakeUploads, tmp_path: Path
) -> None:
    server.job(job(analysis_result="done"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(LARGE,))
    writer.start()
    assert cli("analyze", str(pipe), "--server", server.url).code == 0
    writer.join()
    assert uploads.data == LARGE


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_small_utf_16_file_is_uploaded_as_it_is(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path, encoding: str
) -> None:
    server.job(job(analysis_result="done"))
    book.write_bytes("\ufeffGröße".encode(encoding))
    result = cli("analyze", str(book), "--server", server.url)
    assert result.code == 0
    assert "uploaded 0 bytes of 12 bytes\nuploaded 12 bytes of 12 bytes\n" in result.err
    assert uploads.data == book.read_bytes()


def test_what_is_wrong_inside_a_large_file_is_told_by_the_service(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path
) -> None:
    error = {"code": "document_unreadable", "message": "it is not UTF-8 at byte 3,800,000"}
    server.job(job("FAILED", 0, 0, None, error=error, document_chars=None, document_bytes=None))
    book.write_bytes(LARGE + b"\xff")
    result = cli("analyze", str(book), "--server", server.url)
    assert result.code == 4
    assert uploads.data == LARGE + b"\xff"
    assert "error document_unreadable: it is not UTF-8 at byte 3,800,000" in result.err
    assert "document  not read yet" in cli("status", JOB_ID, "--server", server.url).out


def test_markdown_is_uploaded_as_markdown(cli: Cli, server: FakeServer, uploads: FakeUploads, tmp_path: Path) -> None:
    server.job(job(analysis_result="done"))
    path = tmp_path / "README.MD"
    path.write_bytes(LARGE)
    cli("analyze", str(path), "--server", server.url)
    assert uploads.announced["content_type"] == "text/markdown"


def test_a_request_that_is_too_large_for_the_server_becomes_an_upload(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path
) -> None:
    accepted = Answer({"job_id": JOB_ID, "status": "PENDING"}, 202)
    server.on("POST", "/v1/analyze", Answer({"detail": "too large"}, 413), accepted)
    book.write_bytes(b"\x01" * 2_000_000)
    assert cli("analyze", str(book), "--server", server.url, "--no-wait").out == f"{JOB_ID}\n"
    assert uploads.data == b"\x01" * 2_000_000


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_file_that_grows_while_it_is_sent_is_one_line(
    cli: Cli, server: FakeServer, uploads: FakeUploads, book: Path, size: int
) -> None:
    def grow(_: Asked) -> Answer:
        os.truncate(book, size)
        return Answer({}, 503)

    server.first("POST", "/v1/documents", grow)
    result = cli("analyze", str(book), "--server", server.url)
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-1] == (
        f"piecewise: error: {book}: the file was written to while it was being read: copy it first, and give the copy"
    )
    assert not any(asked.path == "/v1/analyze" for asked in server.asked)


def test_an_upload_that_the_service_does_not_take_is_one_line(cli: Cli, server: FakeServer, book: Path) -> None:
    server.on("POST", "/v1/documents", Answer({"detail": "bytes: at most 1,000"}, 422))
    result = cli("analyze", str(book), "--server", server.url)
    assert (result.code, result.err.splitlines()[-1]) == (1, "piecewise: error: bytes: at most 1,000 (422)")


# -- results in files


def test_a_result_is_written_whole_under_its_own_name_at_the_end(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    target = tmp_path / "out.md"
    target.write_text("old")
    seen: list[bool] = []

    def answer(_: Asked) -> Answer:
        seen.append(target.read_text() == "old")
        return Answer("größer\n".encode())

    server.job(job(analysis_result="größer\n"))
    server.on("GET", RESULT, answer)
    result = cli("analyze", "-", "--server", server.url, "-o", str(target), stdin=b"text")
    assert (result.code, result.out) == (0, "")
    assert seen == [True]
    assert target.read_text() == "größer\n"
    assert list(tmp_path.iterdir()) == [target]


def test_json_and_a_file_go_together(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    server.job(job(analysis_result="done\n"))
    server.on("GET", RESULT, Answer(b"done\n"))
    target = tmp_path / "out"
    result = cli("analyze", "-", "--server", server.url, "--json", "-o", str(target), stdin=b"text")
    assert json.loads(result.out)["job_id"] == JOB_ID
    assert target.read_text() == "done\n"


def test_a_failed_job_writes_no_file(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    server.job(job("FAILED", 0, 2))
    target = tmp_path / "out"
    assert cli("analyze", "-", "--server", server.url, "-o", str(target), stdin=b"text").code == 4
    assert not target.exists()


def test_a_result_that_breaks_off_leaves_the_old_file_and_no_other(
    cli: Cli, server: FakeServer, tmp_path: Path
) -> None:
    server.on("GET", RESULT, Answer(b"half", headers={"Content-Length": "4000", "Connection": "close"}))
    target = tmp_path / "out"
    target.write_text("old")
    result = cli("result", JOB_ID, "--server", server.url, "-o", str(target))
    assert result.code == 6
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is a directory"),
        ("no/where", "is not a directory in which"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_found_before_anything_is_sent(
    cli: Cli, server: FakeServer, tmp_path: Path, name: str, reason: str
) -> None:
    path = str(tmp_path / name)
    for arguments in (("analyze", "-"), ("retry", JOB_ID), ("result", JOB_ID)):
        result = cli(*arguments, "--server", server.url, "-o", path, stdin=b"text")
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"piecewise: error: cannot write {path}: ")
        assert reason in result.err
    assert server.asked == []


def fetched(cli: Cli, server: FakeServer, target: Path | str) -> Result:
    server.on("GET", RESULT, Answer(b"new\n"))
    return cli("result", JOB_ID, "--server", server.url, "-o", str(target))


def test_files_of_others_are_left_alone(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    own = tmp_path / "out.part"
    own.write_text("mine")
    assert fetched(cli, server, tmp_path / "out").code == 0
    assert own.read_text() == "mine"
    assert set(tmp_path.iterdir()) == {own, tmp_path / "out"}


def test_what_a_link_points_to_is_replaced_and_not_the_link(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("there", "to-be"):
        link, pointed_to = tmp_path / name, tmp_path / "data" / name
        link.symlink_to(pointed_to)
        if name == "there":
            pointed_to.write_text("old")
        assert fetched(cli, server, link).code == 0
        assert link.is_symlink()
        assert pointed_to.read_text() == "new\n"


def test_a_pipe_is_written_to_and_stays_one(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert fetched(cli, server, pipe).code == 0
    reader.join()
    assert read == [b"new\n"]
    assert pipe.is_fifo()


def test_a_device_stays_one(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    """By a link of our own: if this fails, the machine keeps its /dev/null."""
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    assert fetched(cli, server, link).code == 0
    assert link.is_symlink()
    assert Path(os.devnull).is_char_device()
    assert list(tmp_path.iterdir()) == [link]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_that_is_replaced_keeps_its_permissions(cli: Cli, server: FakeServer, tmp_path: Path, mode: int) -> None:
    target = tmp_path / "out"
    target.write_text("old")
    target.chmod(mode)
    assert fetched(cli, server, target).code == 0
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new\n", mode)


def test_a_new_file_has_the_permissions_of_any_new_file(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    assert fetched(cli, server, tmp_path / "out").code == 0
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_dash_is_standard_output(cli: Cli, server: FakeServer) -> None:
    result = fetched(cli, server, "-")
    assert (result.code, result.out, result.err) == (0, "new\n", "")


@pytest.mark.parametrize("name", ["book.txt", "./sub/../book.txt", "link", "twin"])
def test_a_document_is_not_replaced_by_its_result(
    cli: Cli, server: FakeServer, book: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(book)
    (tmp_path / "twin").hardlink_to(book)
    result = cli("analyze", str(book), "--server", server.url, "-o", f"{tmp_path}/{name}")
    assert (result.code, result.out) == (2, "")
    assert "this is the document itself" in result.err
    assert server.asked == []
    assert book.read_bytes() == LARGE
