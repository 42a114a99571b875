"""The whole stack as real processes: it starts, says so, survives the death of its parts, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.client import Client
from local.options import Options
from local.stack import Stack
from tests.acceptance.up import PIECEWISE, Up, cli, document, up

SIMULATED = ("--simulate", "latency=0.2", "--simulate", "poison=POISON", "--concurrency", "4")
SOON = {
    "PIECEWISE_LEASE": "3",
    "PIECEWISE_RENEW_EVERY": "1",
    "PIECEWISE_HINT_AFTER": "3",
    "PIECEWISE_RECONCILER_PAUSE": "1",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Up]:
    with up(*SIMULATED, env=SOON) as started:
        yield started
        code, errors = started.end(signal.SIGTERM)
    assert code == 0
    assert errors.splitlines()[-1] == "stopped"
    assert "Traceback" not in errors


@pytest.fixture
def pages() -> list[str]:
    return [f"Page {number} tells of the sea." for number in range(40)]


def test_a_busy_port_is_one_line_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("up", "--port", str(port))
    words = f"piecewise: error: port {port} is in use: stop what listens there, or choose another with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", words)


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = cli("up", "--port", "0", "--state-dir", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"piecewise: error: cannot use {tmp_path}/file as state directory: ")
    assert done.stderr.count("\n") == 1


def test_a_bad_setting_is_one_line_naming_it() -> None:
    done = cli("up", "--port", "0", env={"PIECEWISE_LEASE": "10"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "PIECEWISE_LEASE (10) must be at least twice PIECEWISE_RENEW_EVERY" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_model_is_one_line() -> None:
    done = cli("up", "--port", "0", "--model", "oracle")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the model 'oracle' is not allowed here" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_job_is_analyzed_by_the_running_stack(running: Up, tmp_path: Path, pages: list[str]) -> None:
    done = cli("analyze", document(tmp_path / "book", *pages), "--server", running.url, "--max-chunk-chars", "100")
    assert done.returncode == 0
    assert done.stdout
    assert "chunks done" in done.stderr


def test_a_chunk_that_always_fails_leaves_a_partial_success(running: Up, tmp_path: Path, pages: list[str]) -> None:
    book = document(tmp_path / "book", *pages, "Here is POISON.")
    done = cli("analyze", book, "--server", running.url, "--max-chunk-chars", "300", "--json")
    job = json.loads(done.stdout)
    assert (done.returncode, job["status"], job["chunks_failed"]) == (3, "PARTIAL_SUCCESS", 1)
    shown = cli("status", job["job_id"], "--server", running.url)
    assert shown.returncode == 3
    assert shown.stdout.startswith(f"{job['job_id']}  PARTIAL_SUCCESS  100 %\n")


def test_parts_that_are_killed_in_mid_job_are_started_again_and_the_job_ends_right(
    running: Up, pages: list[str]
) -> None:
    with Client(running.url) as client:
        job_id = client.submit("\n\n".join(pages).encode(), max_chunk_chars=40)["job_id"]
        for done, parts in ((4, ("moto",)), (12, ("worker", "gateway", "control"))):
            next(seen for seen in client.watch(job_id) if seen.job["chunks_completed"] >= done)
            running.kill(*parts)
        *_, last = client.watch(job_id)
    assert last.job["status"] == "COMPLETED"
    assert last.job["chunks_completed"] == last.job["total_chunks"] == 40


def test_analyze_brings_its_own_stack_up_and_down(tmp_path: Path, pages: list[str]) -> None:
    before = {process.pid for process in psutil.process_iter()}
    done = cli("analyze", document(tmp_path / "book", *pages), env={"PIECEWISE_SERVER": ""})
    assert done.returncode == 0
    assert "Page" in done.stdout
    assert done.stderr.startswith("no server is running: starting one for this document\n")
    left = [each for each in psutil.process_iter(["cmdline"]) if "local.role" in (each.info["cmdline"] or [])]
    assert not [each for each in left if each.pid not in before]


def test_ctrl_c_takes_the_own_stack_down_and_names_the_job(tmp_path: Path, pages: list[str]) -> None:
    arguments = (*PIECEWISE, "analyze", document(tmp_path / "book", *pages), "--model", "simulated")
    env = {**os.environ, "PIECEWISE_SERVER": "", "PIECEWISE_SIMULATE": '{"latency": "600"}'}
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert "chunks done" in next(line for line in lines if "starting" not in line)
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        *_, last = lines
        assert process.wait(60) == 130
    assert last.startswith("piecewise: interrupted: job 0")
    assert last.endswith(" ended with the server that this command had started\n")
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_a_stack_killed_with_all_its_processes_goes_on_where_it_was(tmp_path: Path, pages: list[str]) -> None:
    state, log = tmp_path / "state", tmp_path / "calls.jsonl"
    options = ("--state-dir", str(state), *SIMULATED, "--simulate", f"log={log}")
    with up(*options) as first, Client(first.url) as client:
        job_id = client.submit("\n\n".join(pages).encode(), max_chunk_chars=40)["job_id"]
        next(seen for seen in client.watch(job_id) if seen.job["chunks_completed"] >= 8)
        in_use = cli("up", "--port", "0", "--state-dir", str(state))
        assert in_use.returncode == 1
        assert f"{state} is in use by another piecewise (pid {first.process.pid})" in in_use.stderr
        first.process.kill()
        psutil.wait_procs(first.children, timeout=30)
    with up(*options) as second, Client(second.url) as client:
        *_, last = client.watch(job_id)
        assert second.end(signal.SIGINT)[0] == 0
    assert (last.job["status"], last.job["chunks_completed"]) == ("COMPLETED", 40)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert 40 <= len(calls) <= 40 + 4


def test_a_stack_inside_a_program_is_up_within_its_block_only() -> None:
    said: list[str] = []
    with Stack(Options(port=0), say=said.append) as stack:
        processes = [psutil.Process(pid) for pid in stack.pids().values()]
        with Client(stack.url) as client:
            *_, last = client.watch(client.submit(b"One sentence.")["job_id"])
    assert last.job["status"] == "COMPLETED"
    assert not any(process.is_running() for process in processes)
    assert not stack.state_path.exists()
    assert said == []
