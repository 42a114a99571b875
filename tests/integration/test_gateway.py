"""The HTTP front over real sockets, in front of small handlers and of an app in Mangum."""

from __future__ import annotations

import asyncio
import base64
import errno
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from mangum import Mangum

from local.gateway import Gateway, bind, serve
from local.gateway.limits import MAX_BODY, MAX_HEAD
from local.invoke import Function
from local.templates.deployment import CorsSpec

Serve = Callable[..., httpx.Client]
CORS = CorsSpec(("https://a.example",), ("POST",), ("authorization",), ("location",), 60, allow_credentials=False)


class Running:
    """A gateway on a thread."""

    def __init__(self, handler: Any, *, function_timeout: float = 60, **options: Any) -> None:
        self.app = Gateway(Function(name="api", handler=handler, timeout=function_timeout), **options)
        self._stop = threading.Event()
        ports: SimpleQueue[int] = SimpleQueue()
        arguments = {"on_ready": ports.put, "stop": self._stop, "grace": 5}
        self._thread = threading.Thread(target=serve, args=(self.app, bind("127.0.0.1", 0)), kwargs=arguments)
        self._thread.start()
        self.port = ports.get()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        self.app.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(handler: Any, **options: Any) -> Running:
        running.append(Running(handler, **options))
        return running[-1]

    yield begin
    for one in running:
        one.end()


@pytest.fixture
def client(start: Callable[..., Running]) -> Iterator[Serve]:
    clients: list[httpx.Client] = []

    def begin(handler: Any, **options: Any) -> httpx.Client:
        port = start(handler, **options).port
        clients.append(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
        return clients[-1]

    yield begin
    for one in clients:
        one.close()


def echo(event: Any, _context: Any) -> Any:
    """The event itself, as a 200 in JSON."""
    return event


def never_called(_event: Any, _context: Any) -> Any:
    raise AssertionError("the gateway should have refused")


def app_in_mangum() -> Any:
    app = FastAPI()

    @app.post("/v1/{name}")
    async def post(name: str, request: Request, response: Response) -> dict[str, Any]:
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        response.headers["Location"] = "/v1/x"
        return {
            "name": name,
            "tags": request.query_params.getlist("tag"),
            "cookies": request.cookies,
            "header": request.headers.get("x-name"),
            "body": (await request.body()).decode(),
            "scheme": request.url.scheme,
        }

    @app.get("/bytes")
    async def raw() -> Response:
        return Response(bytes(range(256)), media_type="application/octet-stream")

    @app.api_route("/head", methods=["GET", "HEAD"])
    async def head() -> Response:
        return Response("four", media_type="text/plain")

    mangum = Mangum(app, lifespan="off")

    def handler(event: Any, context: Any) -> Any:
        # Mangum wants the thread's event loop, which only a main thread has by itself.
        with asyncio.Runner() as runner:
            asyncio.set_event_loop(runner.get_loop())
            return mangum(event, context)

    return handler


# -- there and back


def test_an_app_in_mangum_sees_the_request_and_the_client_its_answer(client: Serve) -> None:
    answer = client(app_in_mangum()).post(
        "/v1/gr%C3%BC%C3%9Fe?tag=a&tag=b%20c",
        content="naïve",
        headers={"content-type": "text/plain", "x-name": "n", "cookie": "x=1; y=2"},
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "grüße",
        "tags": ["a", "b c"],
        "cookies": {"x": "1", "y": "2"},
        "header": "n",
        "body": "naïve",
        "scheme": "http",
    }
    assert answer.headers["location"] == "/v1/x"
    assert [cookie.split(";")[0] for cookie in answer.headers.get_list("set-cookie")] == ["a=1", "b=2"]
    assert answer.headers["apigw-requestid"]


def test_bytes_come_back_as_they_were(client: Serve) -> None:
    assert client(app_in_mangum()).get("/bytes").content == bytes(range(256))


def test_a_head_has_the_length_and_no_body(client: Serve) -> None:
    answer = client(app_in_mangum()).head("/head")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "4", b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_handler(client: Serve, method: str) -> None:
    assert client(echo).request(method, "/x").json()["requestContext"]["http"]["method"] == method


def test_the_path_is_decoded_and_the_query_string_is_not(client: Serve) -> None:
    event = client(echo).get("/a%20b/c?q=%C3%A9&q=2").json()
    assert (event["rawPath"], event["rawQueryString"]) == ("/a b/c", "q=%C3%A9&q=2")
    assert event["queryStringParameters"] == {"q": "é,2"}


def test_a_binary_body_travels_as_base_64(client: Serve) -> None:
    event = client(echo).post("/", content=b"\x00\xff").json()
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\x00\xff", True)


def test_a_chunked_body_is_taken(client: Serve) -> None:
    event = client(echo).post("/", content=iter([b"one ", b"two"]), headers={"content-type": "text/plain"}).json()
    assert (event["body"], event["headers"]["content-length"]) == ("one two", "7")
    assert "transfer-encoding" not in event["headers"]


@pytest.mark.parametrize(("method", "status"), [("DELETE", 204), ("GET", 304), ("HEAD", 304)])
def test_what_has_no_content_has_no_body_and_no_length(client: Serve, method: str, status: int) -> None:
    answer = client(lambda _event, _context: {"statusCode": status, "headers": {"etag": '"1"'}}).request(method, "/")
    assert (answer.status_code, answer.content, "content-length" in answer.headers) == (status, b"", False)
    assert answer.headers["etag"] == '"1"'


def test_many_requests_run_at_once(client: Serve) -> None:
    together = threading.Barrier(8)
    http = client(lambda _event, _context: str(together.wait()))
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(http.get("/"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.text for answer in answers) == [str(number) for number in range(8)]


# -- pages of other origins


def test_a_preflight_is_answered_without_the_function(client: Serve) -> None:
    headers = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = client(never_called, cors=CORS).request("OPTIONS", "/v1/analyze", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "content-length" not in answer.headers
    assert answer.headers["apigw-requestid"]


def test_an_answer_to_a_page_says_that_it_may_be_seen(client: Serve) -> None:
    served = client(echo, cors=CORS)
    allowed = served.get("/", headers={"origin": "https://a.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert allowed.headers["access-control-expose-headers"] == "location"
    assert "access-control-allow-origin" not in served.get("/", headers={"origin": "https://b.example"}).headers


def test_without_cors_a_preflight_is_a_request_like_any_other(client: Serve) -> None:
    headers = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = client(echo).request("OPTIONS", "/", headers=headers)
    assert answer.json()["requestContext"]["http"]["method"] == "OPTIONS"
    assert "access-control-allow-origin" not in answer.headers


# -- AWS's limits, in AWS's words


def said(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_10_mb_is_refused(client: Serve, chunked: bool) -> None:
    body = bytes(MAX_BODY + 1)
    http = client(never_called)
    answer = http.post("/", content=iter([body]) if chunked else body)
    assert said(answer) == (413, '{"message":"Request Entity Too Large"}')


def test_after_a_refused_body_the_connection_goes_on(client: Serve) -> None:
    http = client(echo)
    assert http.post("/", content=bytes(MAX_BODY + 1)).status_code == 413
    assert http.get("/").status_code == 200


def test_an_event_over_6_mb_is_refused(client: Serve) -> None:
    http = client(never_called)
    answer = http.post("/", content='"' * 4_000_000, headers={"content-type": "text/plain"})
    assert said(answer) == (413, '{"message":"Request Entity Too Large"}')


def test_a_body_under_the_limits_arrives_whole(client: Serve) -> None:
    body = "naïve text\n" * 300_000
    http = client(lambda event, _context: str(event["body"] == body))
    assert http.post("/", content=body, headers={"content-type": "application/json"}).text == "True"


def test_headers_over_10240_bytes_are_refused(client: Serve) -> None:
    answer = client(never_called).get("/", headers={"x-large": "a" * MAX_HEAD})
    assert said(answer) == (431, '{"message":"Request Header Fields Too Large"}')


@pytest.mark.parametrize(
    "answer", [{"statusCode": 200, "body": 7}, {"statusCode": 200, "body": "a" * 6_300_000}, {"n": {1, 2}}]
)
def test_an_answer_that_is_malformed_or_too_large_is_a_500(client: Serve, answer: Any) -> None:
    assert said(client(lambda _event, _context: answer).get("/")) == (500, '{"message":"Internal Server Error"}')


def test_a_handler_that_raises_is_a_500(client: Serve) -> None:
    def broken(_event: Any, _context: Any) -> Any:
        raise RuntimeError("a secret")

    assert said(client(broken).get("/")) == (500, '{"message":"Internal Server Error"}')


def test_a_handler_that_outlasts_the_integration_is_a_503_and_its_answer_is_dropped(client: Serve) -> None:
    release, done = threading.Event(), threading.Event()

    def slow(event: Any, _context: Any) -> Any:
        if event["rawPath"] == "/slow":
            release.wait()
            done.set()
        return "late"

    http = client(slow, timeout=0.05)
    assert said(http.get("/slow")) == (503, '{"message":"Service Unavailable"}')
    release.set()
    done.wait()
    assert http.get("/").text == "late"


def test_a_handler_that_outlasts_its_own_timeout_is_a_500(client: Serve) -> None:
    release = threading.Event()
    http = client(lambda _event, _context: str(release.wait()), function_timeout=0.05)
    assert said(http.get("/")) == (500, '{"message":"Internal Server Error"}')
    release.set()


# -- sockets


def test_a_client_that_asks_before_sending_is_told_to_go_on(start: Callable[..., Running]) -> None:
    port = start(lambda event, _context: event["body"]).port
    head = (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(head)
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"ok")
        assert b"200 OK" in peer.recv(1000)


def test_a_client_that_asks_with_too_much_is_refused_unsent(start: Callable[..., Running]) -> None:
    port = start(never_called).port
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {MAX_BODY + 1}\r\nexpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as peer, peer.makefile("rb") as answer:
        peer.sendall(head.encode())
        text = answer.read()
    assert text.startswith(b"HTTP/1.1 413 ")
    assert text.endswith(b'{"message":"Request Entity Too Large"}')


def test_a_client_that_leaves_in_the_middle_is_dropped_quietly(
    start: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    called: SimpleQueue[str] = SimpleQueue()

    def handler(event: Any, _context: Any) -> str:
        called.put(event["rawPath"])
        return "here"

    port = start(handler).port
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"POST /half HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf")
    assert httpx.get(f"http://127.0.0.1:{port}/after").text == "here"
    assert called.get() == "/after"
    assert caplog.records == []


def test_a_busy_port_is_known_before_anything_starts() -> None:
    with bind("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use") as refused:
        bind("127.0.0.1", first.getsockname()[1])
    assert refused.value.errno == errno.EADDRINUSE


def test_answers_do_not_wait_for_nagle() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


SCRIPT = """
import threading
from local.gateway import Gateway, bind, serve
from local.invoke import Function
app = Gateway(Function(name="api", handler=lambda event, context: "here", timeout=10))
serve(app, bind("127.0.0.1", 0), on_ready=lambda port: print(port, flush=True), stop=threading.Event(), grace=1)
print("clean", flush=True)
"""


class Child:
    """The script in a process of its own."""

    def __init__(self, script: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Exit status and what it has printed since."""
        with self.process:
            self.process.send_signal(number)
            out, err = self.process.communicate()
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    child = Child(SCRIPT)
    assert httpx.get(f"http://127.0.0.1:{child.port}/").text == "here"
    assert child.end(number) == (0, "clean\n", "")


def test_a_handler_that_never_ends_does_not_hold_up_the_end() -> None:
    """The client learns it with a 503, the process ends."""
    child = Child(SCRIPT.replace('"here"', "print('called', flush=True) or threading.Event().wait()"))
    with socket.create_connection(("127.0.0.1", child.port)) as peer, peer.makefile("rb") as answer:
        peer.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        assert child.process.stdout is not None
        assert child.process.stdout.readline() == "called\n"
        status, _, _ = child.end(signal.SIGTERM)
        text = answer.read()
    assert status == 0
    assert text.startswith(b"HTTP/1.1 503 ")
