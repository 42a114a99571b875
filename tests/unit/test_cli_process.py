"""What only a process of its own can show: signals, broken pipes, what is imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.fake_server import JOB_ID, Answer, Asked, FakeServer, job, serving
from tests.unit.fake_uploads import DOCUMENT_ID, EXPIRES_AT, FakeUploads

PIECEWISE = (sys.executable, "-c", "from local.cli.main import main; main()")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PIECEWISE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )  # fmt: skip


def test_ctrl_c_leaves_the_job_to_its_server_and_says_so(server: FakeServer) -> None:
    looked = threading.Event()
    server.on("POST", "/v1/analyze", Answer({"job_id": JOB_ID, "status": "PENDING"}, 202))
    server.on("GET", f"/v1/analyze/{JOB_ID}", Answer(job("PROCESSING", 1), then=looked))
    with start("analyze", "-", "--server", server.url) as process:
        assert process.stdin is not None
        process.stdin.write("text")
        process.stdin.close()
        assert looked.wait(60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        last = process.stderr.read().splitlines()[-1]
    assert last == f"piecewise: interrupted: job {JOB_ID} goes on; see: piecewise status {JOB_ID} --server {server.url}"


def interrupted(arguments: tuple[str, ...], server: FakeServer, method: str, path: str) -> str:
    """The last line of a command that is stopped by Ctrl-C while the answer to this request is due."""
    arrived, over = threading.Event(), threading.Event()

    def never(_: Asked) -> Answer:
        arrived.set()
        over.wait(60)
        return Answer(hang_up=True)

    server.first(method, path, never)
    with start(*arguments, "--server", server.url) as process:
        assert arrived.wait(60)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        last = process.stderr.read().splitlines()[-1]
    over.set()
    return last


def test_ctrl_c_during_an_upload_says_what_becomes_of_it(server: FakeServer, tmp_path: Path) -> None:
    FakeUploads(server)
    book = tmp_path / "book"
    book.write_bytes(b"x" * 20_000_000)
    assert interrupted(("analyze", str(book)), server, "PUT", "/bucket/1") == (
        f"piecewise: interrupted: no job was made; what was uploaded (document {DOCUMENT_ID}) is dropped "
        f"after {EXPIRES_AT}"
    )
    assert not any(asked.path == "/v1/analyze" for asked in server.asked)


def test_ctrl_c_while_a_document_is_handed_in_says_where_to_look(server: FakeServer, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.write_text("text")
    assert interrupted(("analyze", str(book)), server, "POST", "/v1/analyze") == (
        f"piecewise: interrupted: the job may have been accepted already; see: piecewise list --server {server.url}"
    )


def test_ctrl_c_while_a_retry_is_asked_for_says_where_to_look(server: FakeServer) -> None:
    assert interrupted(("retry", JOB_ID), server, "POST", f"/v1/analyze/{JOB_ID}/retry") == (
        f"piecewise: interrupted: job {JOB_ID} may run again already; "
        f"see: piecewise status {JOB_ID} --server {server.url}"
    )


def test_a_document_on_standard_input_is_not_replaced_by_its_result(server: FakeServer, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.write_text("text")
    with book.open() as file:
        done = subprocess.run(
            [*PIECEWISE, "analyze", "-", "--server", server.url, "-o", str(book)],
            stdin=file, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout, book.read_text()) == (2, "", "text")
    assert server.asked == []


def test_a_reader_that_has_seen_enough_is_no_error(server: FakeServer, tmp_path: Path) -> None:
    server.job(job(analysis_result="line\n" * 500_000))
    (tmp_path / "book").write_text("text")
    command = f'"$@" analyze {tmp_path / "book"} --server {server.url} | head -n 1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command, "-", *PIECEWISE], capture_output=True, text=True, check=True)
    assert done.stdout == "line\n0\n"
    assert done.stderr.splitlines() == [
        f"using the server at {server.url}",
        "2/2 chunks done, 0 failed, 0 waiting",
        f"job {JOB_ID} ended COMPLETED: 2 of 2 chunks have a result",
    ]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom local.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print([name for name in ('httpx', 'boto3', 'sqlalchemy', 'pydantic', 'yaml', 'moto', "
        "'fastapi', 'functions') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "analyze" in done.stdout
    assert done.stderr == "[]\n"


def test_a_trace_is_shown_on_request_only(server: FakeServer) -> None:
    arguments = [*PIECEWISE, "status", "nosuchjob", "--server", server.url]
    quiet = subprocess.run(arguments, capture_output=True, text=True, check=False)
    loud = subprocess.run(
        arguments, capture_output=True, text=True, check=False, env={**os.environ, "PIECEWISE_DEBUG": "1"}
    )
    assert (quiet.returncode, loud.returncode) == (1, 1)
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
