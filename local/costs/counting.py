"""`python -m local.costs.counting`: what each room asks of AWS and of its CPU for one document, as TOML.

The product's own handlers, adapters and SQL in this process, one invocation at a time; SQS and S3 are moto's, in a
process of their own, and their work is not counted. The model answers at once: its latency is a number of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import httpx

from functions.api import handler as api
from functions.api.app import create_app
from functions.chunk_worker import handler as chunk_worker
from functions.core.deadline import LambdaDeadline
from functions.core.settings import Settings
from functions.core.wiring import Parts, wire
from functions.finalizer import handler as finalizer
from functions.planner import handler as planner
from functions.reconciler import handler as reconciler
from local.costs.meter import Meter, Room
from local.gateway.request import build_event
from local.lambda_context import LambdaContext
from local.provision import provision
from local.templates.deployment import Deployment
from local.templates.laptop import load_template

_ROOT = Path(__file__).resolve().parents[2]
_DOCUMENT = _ROOT / "local" / "samples" / "moby-dick.txt"
_RUNS = 3  # what the machine's other work adds is left out
_KEYS = {"AWS_ACCESS_KEY_ID": "piecewise", "AWS_SECRET_ACCESS_KEY": "piecewise", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Bench:
    """One document's way, driven by hand."""

    parts: Parts
    deployment: Deployment
    meter: Meter
    sqs: Any

    def run(self, document: bytes) -> tuple[int, dict[str, Room]]:
        """The number of chunks, and what each room did in the run that took it the least CPU."""
        app = create_app(self.parts)
        chunks = self._once(app, document)  # imports and caches are not the document's
        best: dict[str, Room] = {}
        for _ in range(_RUNS):
            self.meter.rooms.clear()
            self._once(app, document)
            for name, room in self.meter.rooms.items():
                if name not in best or room.cpu < best[name].cpu:
                    best[name] = room
        return chunks, best

    def _once(self, app: Any, document: bytes) -> int:
        """From POST to the end, two looks at the job, and a pass over nothing; the number of chunks."""
        place = self._api(app, "POST", "/v1/documents", _announced(document), "api")
        _send(document, place["upload"])
        wish = json.dumps({"document_id": place["document_id"]}).encode()
        post = self._api(app, "POST", "/v1/analyze", wish, "api")
        path = f"/v1/analyze/{post['job_id']}"
        self._api(app, "GET", path, b"", "poll")
        self._drain()
        job = self._api(app, "GET", path, b"", "last look")
        with self.meter.invocation("passes"):
            asyncio.run(reconciler.respond(self.parts, {}, self._deadline("reconciler")))
        if job["status"] != "COMPLETED":
            raise SystemExit(f"the document ended {job['status']}: {job['error_summary'] or job['error']}")
        return int(job["total_chunks"])

    def _drain(self) -> None:
        settings = self.parts.settings
        self._feed(settings.plan_queue, "planner", planner.respond)
        self._feed(settings.chunk_queue, "chunk_worker", chunk_worker.respond)
        self._feed(settings.finalize_queue, "finalizer", finalizer.respond)

    def _feed(self, queue: str, room: str, respond: Callable[..., Any]) -> None:
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        (mapping,) = self.deployment.functions[room].mappings
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=mapping.batch_size).get(
            "Messages"
        ):
            records = [_record(message) for message in messages]
            with self.meter.invocation(room):
                answer = asyncio.run(respond(self.parts, {"Records": records}, self._deadline(room)))
            assert answer == {"batchItemFailures": []}
            for message in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _api(self, app: Any, method: str, path: str, body: bytes, room: str) -> dict[str, Any]:
        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"", "scheme": "https",
            "http_version": "1.1", "headers": [(b"content-type", b"application/json")],
        }  # fmt: skip
        request = build_event(scope, body, "counted")
        with self.meter.invocation(room):
            answer = api.respond(app, request, cast("Any", self._context("api")))
        said: dict[str, Any] = json.loads(answer["body"])
        if answer["statusCode"] >= 300:
            raise SystemExit(f"{method} {path} was answered {answer['statusCode']}: {said.get('detail')}")
        return said

    def _deadline(self, room: str) -> LambdaDeadline:
        return LambdaDeadline(self._context(room))

    def _context(self, room: str) -> LambdaContext:
        function = self.deployment.functions[room]
        return LambdaContext(
            function_name=room, memory=function.memory, region="us-east-1", timeout=float(function.timeout)
        )


def _announced(document: bytes) -> bytes:
    return json.dumps({"bytes": len(document), "sha256": hashlib.sha256(document).hexdigest()}).encode()


def _send(document: bytes, upload: Any) -> None:
    """The client's PUT, which no room has a part in."""
    answer = httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=document)
    if answer.status_code >= 300:
        raise SystemExit(f"the upload was answered {answer.status_code}: {answer.text[:200]}")


def _record(message: Any) -> dict[str, Any]:
    """A message as the event source hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def count(document: bytes, folder: Path, endpoint_url: str) -> tuple[int, dict[str, Room]]:
    """(chunks, what each room did) for one document, `folder` takes the database."""
    from migrations.upgrade import upgrade

    deployment = load_template()
    database_url = f"sqlite:///{folder / 'piecewise.db'}"
    upgrade(database_url)
    os.environ |= {**_KEYS, "AWS_ENDPOINT_URL_SQS": endpoint_url, "AWS_ENDPOINT_URL_S3": endpoint_url}
    provision(endpoint_url, deployment)
    names = deployment.functions["api"].environment
    queues = {name: names[f"PIECEWISE_{name.upper()}"] for name in ("plan_queue", "chunk_queue", "finalize_queue")}
    settings = Settings.load(
        database_url=database_url, bucket=deployment.bucket, auth="none", default_model="simulated",
        allowed_models=("simulated",), scratch_dir=str(folder), reconciler_passes=1, **queues,
    )  # fmt: skip
    meter = Meter()
    meter.listen()
    parts = wire(settings)
    sqs = boto3.Session(region_name="us-east-1").client("sqs", endpoint_url=endpoint_url)
    return Bench(parts, deployment, meter, sqs).run(document)


def main() -> None:
    """Count, and print."""
    document = _DOCUMENT.read_bytes()
    argv = [sys.executable, "-m", "local.moto"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT) as moto,  # noqa: S603
    ):
        assert moto.stdout is not None
        chunks, rooms = count(document, Path(folder), json.loads(moto.stdout.readline())["endpoint_url"])
        moto.kill()
    lines = ["[document]", f"chunks = {chunks}", f"bytes = {len(document)}", ""]
    for name in ("api", "poll", "planner", "chunk_worker", "finalizer", "passes"):
        lines += rooms[name].as_toml(name)
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
