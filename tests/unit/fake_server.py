"""A server on loopback that answers as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOB_ID = "01kb0000000000000000000000abcd"


@dataclass
class Answer:
    """One HTTP answer; a dict becomes JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    then: threading.Event | None = None  # set once the answer was given
    hang_up: bool = False  # instead of answering


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


Reply = Answer | Callable[[Asked], Answer]


class FakeServer:
    """Answers to (method, path), one after the other; the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.broken_bodies = 0  # so many of the next PUTs are hung up on before they have arrived
        self._answers: dict[tuple[str, str], deque[Reply]] = defaultdict(deque)
        self.on("GET", "/health", Answer({"service": "piecewise", "version": "0", "status": "ok"}))
        self.port = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, *answers: Reply) -> None:
        self._answers[method, path].extend(answers)

    def first(self, method: str, path: str, reply: Reply) -> None:
        """Before all others."""
        self._answers[method, path].appendleft(reply)

    def job(self, *states: dict[str, Any], job_id: str = JOB_ID) -> None:
        """A POST that is accepted, and what GETs of the job show, in turn."""
        self.on("POST", "/v1/analyze", Answer({"job_id": job_id, "status": "PENDING"}, 202))
        self.on("GET", f"/v1/analyze/{job_id}", *(Answer(state) for state in states))

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self._answers[asked.method, asked.path]
        if not answers:
            return Answer({"title": "Not Found", "detail": f"there is no {asked.path}", "status": 404}, 404)
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Answer) else answer(asked)

    def breaks(self, method: str) -> bool:
        """Whether this one is to be hung up on."""
        with self._lock:
            broken = method == "PUT" and self.broken_bodies > 0
            self.broken_bodies -= broken
            return broken


def job(
    status: str = "COMPLETED", completed: int = 2, failed: int = 0, total: int | None = 2, **more: Any
) -> dict[str, Any]:
    """A GET's body."""
    return {
        "job_id": JOB_ID, "status": status, "total_chunks": total, "chunks_completed": completed,
        "chunks_failed": failed, "progress_pct": 100, "model": "local", "analysis_result": None, "result_url": None,
        "document_chars": 9, "document_bytes": 9, "created_at": "2026-11-22T06:00:00.000Z", "error": None,
        "started_at": None, "finished_at": None, "expires_at": None, "chunk_errors": [], **more,
    }  # fmt: skip


@contextmanager
def serving() -> Iterator[FakeServer]:
    """A FakeServer that listens until the block ends."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if fake.breaks(self.command):
                self.rfile.read(1)
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = fake.answer(Asked(self.command, path, query, dict(self.headers), body))
            if answer.hang_up:
                self.close_connection = True
                return
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            if answer.then is not None:
                answer.then.set()

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
