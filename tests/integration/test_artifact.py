"""The artifact as Lambda gets it: run by Lambda's Python with nothing else to import, for either processor."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.messages import dump_chunk, dump_finalize, dump_plan
from functions.core.model import ChunkHint, PlanHint
from local.artifact import elf
from local.artifact.build import FOLDER, ROOT, build
from local.artifact.bytecode import lambdas_python
from local.artifact.errors import NoPython, Unreachable
from local.artifact.sizes import sizes
from local.artifact.target import Architecture, host
from local.event_source.events import sqs_event
from tests.fakes.api_world import World
from tests.fakes.gateway import FakeContext, event, post_json
from tests.fixtures.model_server import ModelServer

pytestmark = pytest.mark.timeout(900)  # the first build fetches forty wheels and compiles them

_PROCESS = ROOT / "tests" / "fakes" / "lambda_process.py"
_ARN = "arn:aws:sqs:us-east-1:000000000000:queue"
_SAM = ROOT / ".venv-cloud" / "bin" / "sam"
_LARGEST = 60_000_000  # bytes; Lambda's own limit is 250 MB
_FINE: dict[str, Any] = {"batchItemFailures": []}


def built(architecture: Architecture) -> Path:
    """Kept between sessions, apart from what `make build` leaves. Skips where a machine lacks what a build needs."""
    try:
        lambdas_python()
        return build(architecture, at=FOLDER / f"artifact-{architecture}")
    except (NoPython, Unreachable) as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def artifact() -> Path:
    return built(host())


class LambdaProcess:
    """A process of the artifact, and the environment that its functions share."""

    def __init__(self, artifact: Path, environment: Mapping[str, str], log: Path) -> None:
        command = [lambdas_python()[0], "-I", "-S", str(_PROCESS), str(artifact)]
        self._log = log
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def call(self, function: str, *arguments: Any, context: bool = True) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"function": function, "arguments": arguments, "context": context}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._log.read_text()
        return json.loads(answer)

    def room(self, name: str, *bodies: str) -> Any:
        """The answer of a room to a batch."""
        messages: Any = [
            {"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": body, "MD5OfBody": "",
             "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795328220000"}}
            for number, body in enumerate(bodies)
        ]  # fmt: skip
        return self.call(f"functions.{name}.handler.handler", sqs_event(messages, _ARN))

    def api(self, event: dict[str, Any], status: int) -> Any:
        answer = self.call("functions.api.handler.handler", event)
        assert answer["statusCode"] == status, answer
        return json.loads(answer["body"])

    def end(self) -> None:
        self._process.communicate()


@contextmanager
def running(artifact: Path, environment: Mapping[str, str], folder: Path) -> Iterator[LambdaProcess]:
    process = LambdaProcess(artifact, environment, folder / "log.txt")
    try:
        yield process
    finally:
        process.end()


@pytest.fixture
def functions(
    artifact: Path, aws_endpoint: str, queue_names: dict[str, str], bucket: str, tmp_path: Path
) -> Iterator[LambdaProcess]:
    with ModelServer() as model:
        environment = {
            **{f"PIECEWISE_{kind.upper()}": name for kind, name in queue_names.items()},
            "PIECEWISE_BUCKET": bucket,
            "PIECEWISE_DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db",
            "PIECEWISE_AUTH": "none",
            "PIECEWISE_PLAN_INLINE_CHUNKS": "1",
            "PIECEWISE_RECONCILER_PASSES": "1",
            "PIECEWISE_ALLOWED_MODELS": "local,openai:*,anthropic:*,bedrock:*",
            "PIECEWISE_MODEL_BASE_URL": model.url,
            "OPENAI_API_KEY": "nobody's",
            "ANTHROPIC_API_KEY": "nobody's",
            "AWS_ENDPOINT_URL": aws_endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": "/nonexistent",
        }
        with running(artifact, environment, tmp_path) as process:
            process.call("migrations.upgrade.upgrade", environment["PIECEWISE_DATABASE_URL"], context=False)
            yield process


@pytest.mark.parametrize(
    "model",
    ["local", "openai:gpt-9", "anthropic:claude-haiku-5-5", "bedrock:anthropic.claude-3-haiku-20240307-v1:0"],
)
def test_a_document_goes_through_every_function_of_the_artifact(functions: LambdaProcess, model: str) -> None:
    text = "It was the best of times.\n\n" * 100
    job = functions.api(post_json({"raw_text": text, "max_chunk_chars": 2000, "model": model}), 202)["job_id"]

    assert functions.room("planner", dump_plan(PlanHint(job, 0))) == _FINE
    chunks = [dump_chunk(ChunkHint(job, seq, 0)) for seq in range(2)]
    assert functions.room("chunk_worker", *chunks, "no JSON") == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert functions.room("finalizer", dump_finalize(job, 1)) == _FINE

    seen = functions.api(event("GET", f"/v1/analyze/{job}"), 200)
    assert (seen["status"], seen["total_chunks"]) == ("COMPLETED", 2), json.dumps(seen)


def test_the_nets_of_the_artifact_take_their_events(functions: LambdaProcess) -> None:
    job = functions.api(post_json({"raw_text": "a word"}), 202)["job_id"]
    assert functions.room("dead_letter", dump_chunk(ChunkHint(job, 0, 0))) == _FINE
    assert functions.call("functions.reconciler.handler.handler", {"time": "2026-11-22T06:17:00Z"}) is None
    assert functions.call("importlib.import_module", "functions.migrate.migrate", context=False)


def test_the_artifact_describes_its_api_as_the_source_does(functions: LambdaProcess) -> None:
    asked = event("GET", "/openapi.json")
    source = respond(create_app(World().parts()), asked, FakeContext())  # type: ignore[arg-type]
    assert functions.api(asked, 200) == json.loads(source["body"])


def test_every_room_has_its_handler_in_the_artifact(artifact: Path) -> None:
    rooms = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert {path.parent.name for path in (artifact / "functions").glob("*/handler.py")} == rooms
    assert {path.name for path in (artifact / "migrations" / "versions").glob("r*.py")} == {
        path.name for path in (ROOT / "migrations" / "versions").glob("r*.py")
    }


def test_sam_build_gives_every_function_the_one_artifact(artifact: Path, tmp_path: Path) -> None:
    if not _SAM.exists():
        pytest.skip("no sam here: `make cloud` installs it")
    environment = {
        **os.environ,
        "ARCHITECTURE": host(),
        "OUT": str(artifact),
        "MAKEFLAGS": "--old-file=.venv/.installed",  # this environment is the one that runs the tests: leave it alone
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [str(_SAM), "build", "--build-dir", str(tmp_path / "sam")]
    command += ["--parameter-overrides", f"Architecture={host()}"]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr

    template = yaml.safe_load((tmp_path / "sam" / "template.yaml").read_text())
    resources = template["Resources"].values()
    places = [one["Properties"]["CodeUri"] for one in resources if one["Type"] == "AWS::Serverless::Function"]
    assert len(set(places)) == len(places) == len(list((ROOT / "functions").glob("*/handler.py")))
    for place in places:
        assert contents(tmp_path / "sam" / place) == contents(artifact)


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file is where, by size and time: hard links, or copies where the build is on another file system."""
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {str(path.relative_to(folder)): (stat.st_size, int(stat.st_mtime)) for path, stat in found.items()}


@pytest.mark.parametrize("architecture", list(Architecture))
def test_an_artifact_is_small_compiled_and_of_one_processor(architecture: Architecture) -> None:
    artifact = built(architecture)
    assert sizes(artifact).total() < _LARGEST
    assert {elf.machine(path) for path in artifact.rglob("*.so*")} == {architecture.machine}
    ours = {*(artifact / "functions").rglob("*.py"), *(artifact / "migrations").rglob("*.py")}
    assert set(artifact.rglob("*.py")) == ours
    compiled = {path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in ours}
    assert all(path.is_file() for path in compiled)
    assert {path.name for path in artifact.iterdir()}.isdisjoint({"local", "tests", "moto", "pytest", "bin"})
