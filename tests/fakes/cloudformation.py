"""CloudFormation as a custom resource sees it: events, and a server that takes the answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class CloudFormation:
    """Takes answers on 127.0.0.1; the first ones are refused with what stands in `refusals`."""

    url: str = ""
    answers: list[dict[str, str]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def event(self, kind: str, head: str | None = "0002", **more: Any) -> dict[str, Any]:
        """As Lambda gets it."""
        return {
            "RequestType": kind,
            "ResponseURL": f"{self.url}/answer?X-Amz-Signature=5ec7e7",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/piecewise/1",
            "RequestId": "request-1",
            "ResourceType": "AWS::CloudFormation::CustomResource",
            "LogicalResourceId": "Migration",
            "ResourceProperties": {"ServiceToken": "arn:…"} | ({"Head": head} if head else {}),
            **more,
        }

    @property
    def answer(self) -> tuple[str, str]:
        """Status and reason of the one answer."""
        (answer,) = self.answers
        assert "\n" not in answer["Reason"]
        return answer["Status"], answer["Reason"]


@contextmanager
def cloudformation() -> Iterator[CloudFormation]:
    """One that listens."""
    told = CloudFormation()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = told.refusals.pop(0) if told.refusals else 200
            if status == 200:
                told.answers.append(json.loads(body))
                told.content_types.append(self.headers["content-type"])
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            told.came.release()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
