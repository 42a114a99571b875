from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.event_source.wire import Sqs, SqsError


class Server(ThreadingHTTPServer):
    """Answers with what the test has put there, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.hang_up = False
        self.asked: list[tuple[str, str, Any]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.headers["X-Amz-Target"], self.headers["Authorization"], body))
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.close_connection = self.server.hang_up  # without a word: the client finds out when it asks again
        self.wfile.write(answer)

    def log_request(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def sqs(server: Server) -> Iterator[Sqs]:
    client = Sqs(server.url, "eu-west-1")
    yield client
    client.close()


def test_a_call_names_action_region_and_parameters(sqs: Sqs, server: Server) -> None:
    server.answer = 200, b'{"QueueUrl": "u"}'
    assert sqs.call("GetQueueUrl", QueueName="work") == {"QueueUrl": "u"}
    ((target, authorization, parameters),) = server.asked
    assert target == "AmazonSQS.GetQueueUrl"
    assert "/eu-west-1/sqs/aws4_request" in authorization
    assert parameters == {"QueueName": "work"}


def test_an_answer_without_a_body_is_empty(sqs: Sqs, server: Server) -> None:
    server.answer = 200, b""
    assert sqs.call("ReceiveMessage") == {}


def test_a_connection_is_used_again(sqs: Sqs, server: Server) -> None:
    for _ in range(3):
        sqs.call("ReceiveMessage")
    assert server.connections == 1


def test_a_no_carries_the_code(sqs: Sqs, server: Server) -> None:
    server.answer = 400, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}'
    with pytest.raises(SqsError, match=r"GetQueueUrl: .*QueueDoesNotExist: gone"):
        sqs.call("GetQueueUrl", QueueName="work")


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_what_is_not_sqs_is_an_error(sqs: Sqs, server: Server, answer: bytes) -> None:
    server.answer = 500, answer
    with pytest.raises(SqsError):
        sqs.call("GetQueueUrl", QueueName="work")


def test_a_connection_that_was_closed_fails_one_call_and_is_then_made_anew(sqs: Sqs, server: Server) -> None:
    server.hang_up = True
    sqs.call("ReceiveMessage")
    server.hang_up = False
    with pytest.raises(SqsError):
        sqs.call("ReceiveMessage")
    assert sqs.call("ReceiveMessage") == {}


def test_nobody_there_is_an_error(unused_port: int) -> None:
    with pytest.raises(SqsError):
        Sqs(f"http://127.0.0.1:{unused_port}", "eu-west-1").call("ReceiveMessage")


def test_the_environment_is_read_as_boto3_reads_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", server.url)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    sqs = Sqs.from_environment()
    assert sqs.call("ReceiveMessage") == {}
    sqs.close()
    assert "/us-west-2/" in server.asked[0][1]
