"""`piecewise sam-local`: the built artifact in a real container, by `sam local start-api`, with all else beside it.

Runs where a Docker engine answers, sam is installed and Lambda's image is there already; says so where it is skipped.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from local.options import HOST
from local.sam.engine import Engine, EngineError
from local.sam.reach import THIS_MACHINE, free_port
from local.sam.tools import ToolMissing, built, find_sam, image
from tests.acceptance.up import PIECEWISE, READY
from tests.fixtures.running import Running

pytestmark = pytest.mark.timeout(900)  # a first build, on a busy machine

PAGES = "\n\n".join(f"Page {number} tells of the whale, and of those who sailed for it." for number in range(40))
SMALL = {"PIECEWISE_INLINE_RESULT_BYTES": "500", "PIECEWISE_RESPONSE_BYTES": "1000"}


@pytest.fixture(scope="module")
def engine() -> Engine:
    try:
        engine = Engine()
        find_sam()
        built()
    except (EngineError, ToolMissing) as missing:
        pytest.skip(f"sam local is not tried here: {missing}")
    if not engine.has_image(image()):
        pytest.skip(f"sam local is not tried here: {image()} is missing, and `piecewise sam-local` would fetch it")
    return engine


@pytest.fixture(scope="module")
def sam_local(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running one; Ctrl-C ends it, and nothing of it may be left then."""
    port, log = free_port(HOST), tmp_path_factory.mktemp("sam-local") / "stderr"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*PIECEWISE, "sam-local", "--port", str(port)], stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **SMALL},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{READY}http://{HOST}:{port}\n", log.read_text()
        owned, [container] = psutil.Process(process.pid).children(recursive=True), engine.containers(network(port))
        state = Path(re.findall("^state and logs in (\\S+)", log.read_text(), re.MULTILINE)[0])
        running = Running(f"http://{HOST}:{port}", state=state, log=log)
        with running.http:
            yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0, log.read_text()
        assert psutil.wait_procs(owned, timeout=30)[1] == []
        assert container not in docker("ps", "--all", "--quiet", "--no-trunc")
        assert network(port) not in docker("network", "ls", "--format", "{{.Name}}")
        assert not state.exists()
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def network(port: int) -> str:
    return f"piecewise-sam-local-{port}"


def docker(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.split()


def test_a_document_goes_in_through_the_container_and_is_completed_beside_it(sam_local: Running) -> None:
    answer = sam_local.http.post("/v1/analyze", json={"raw_text": PAGES, "max_chunk_chars": 200})
    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    job = sam_local.ended(answer.json()["job_id"])
    assert (job["status"], job["chunks_failed"], job["progress_pct"]) == ("COMPLETED", 0, 100)
    assert job["chunks_completed"] == job["total_chunks"] > 5


def test_a_small_result_is_the_answer(sam_local: Running) -> None:
    job_id = sam_local.submit("The whale is white. It was seen in the year 1851.")
    assert "whale" in sam_local.ended(job_id)["analysis_result"]
    assert "whale" in sam_local.result(job_id)


def test_a_large_result_is_a_redirect_to_where_this_machine_can_read_it(sam_local: Running) -> None:
    job_id = sam_local.submit(PAGES, max_chunk_chars=200)
    sam_local.ended(job_id)
    answer = sam_local.http.get(f"/v1/analyze/{job_id}/result")
    link = httpx.URL(answer.headers["location"])
    assert answer.status_code == 307
    assert link.host != THIS_MACHINE  # as only the container knows it
    assert link.params["X-Amz-Signature"]
    assert "Page 39" in httpx.get(link, trust_env=False).raise_for_status().text


def test_a_refusal_is_a_problem_document(sam_local: Running) -> None:
    answer = sam_local.http.post("/v1/analyze", json={"raw_text": 7})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"]
    assert sam_local.http.get("/v1/analyze/nobodys").status_code == 404
