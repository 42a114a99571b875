"""A small client of the HTTP API, for the command line and for whoever scripts it.

::

    ClientError
    ├── ServerNotReached    nobody answers there, or the answer broke off
    └── Refused             an answer that is not 2xx: a problem detail, AWS's own words, or a foreign server's page
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

Job = dict[str, Any]
ENDED = frozenset({"COMPLETED", "PARTIAL_SUCCESS", "FAILED", "CANCELLED"})

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSING = frozenset({429, 502, 503, 504})  # worth another look later


class ClientError(Exception):
    """The root; its text is one line for people."""


class ServerNotReached(ClientError):
    """No answer: refused, timed out, or broken off."""


class Refused(ClientError):
    """An answer that says no. `problem` has the fields of RFC 9457 as far as the server gave them."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.problem = problem
        self.retry_after = retry_after
        super().__init__(_in_words(status, problem))


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as one GET showed it: parsed, the body as it came, and the server's wish for the next look in seconds."""

    job: Job
    body: str
    retry_after: float | None

    @property
    def ended(self) -> bool:
        """Whether the job is in a terminal state."""
        return self.job.get("status") in ENDED


class Client:
    """Speaks to one server. Every method may raise ServerNotReached or Refused."""

    def __init__(self, server: str, *, timeout: float = 35.0) -> None:
        """`server` as in `http://127.0.0.1:3000`, with or without a path; `timeout` in seconds, for each answer."""
        self.server = server.rstrip("/")
        near = urlsplit(server).hostname in _LOOPBACK
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=5.0),
            headers={"Accept": "application/json", "User-Agent": "piecewise"},
            trust_env=not near,  # a proxy has no business between us and this machine
            # Certificates take a quarter of a second to load; with none, https is refused, not unchecked.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if near and server.startswith("http:") else True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def submit(
        self,
        document: bytes,
        *,
        max_chunk_chars: int | None = None,
        max_attempts: int | None = None,
        instructions: str | None = None,
        model: str | None = None,
    ) -> Job:
        """Hand in a document (UTF-8); what is None is the server's default. The 202's body, with `job_id`.

        The document travels as it is, so that the body limit is the file's size; only with `instructions`, which may
        be longer than an address, as JSON.
        """
        given = {"max_chunk_chars": max_chunk_chars, "max_attempts": max_attempts, "model": model}
        options = {name: value for name, value in given.items() if value is not None}
        if instructions is not None:
            body = {"raw_text": document.decode(), "instructions": instructions, **options}
            return self._job(self._ask("POST", "/v1/analyze", json=body))
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return self._job(self._ask("POST", "/v1/analyze", content=document, params=options, headers=plain))

    def look(self, job_id: str) -> Seen:
        """The job as it is now."""
        answer = self._ask("GET", _path(job_id))
        return Seen(self._job(answer), answer.text, _retry_after(answer))

    def watch(
        self,
        job_id: str,
        *,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Seen]:
        """The job again and again until it has ended; soon at first, then every one to two seconds.

        A server that does not answer, or says that it cannot now, is asked again for `patience` seconds.
        """
        pause, answered_at = _FIRST_PAUSE, clock()
        while True:
            try:
                seen = self.look(job_id)
            except ClientError as error:
                if not _may_pass(error) or clock() - answered_at > patience:
                    raise
                wish = error.retry_after if isinstance(error, Refused) else None
                sleep(min(wish or 1.0, patience))
                continue
            answered_at = clock()
            yield seen
            if seen.ended:
                return
            sleep(pause)
            pause = min(1.5 * pause, max(1.0, min(seen.retry_after or 1.0, _LONGEST_PAUSE)))

    def result(self, job_id: str) -> Iterator[str]:
        """The whole result in pieces; a redirect to where a large one lies is followed."""
        path, headers = f"{_path(job_id)}/result", {"Accept": "text/plain, application/problem+json"}
        with (
            self._reaching(),
            self._http.stream("GET", self.server + path, headers=headers, follow_redirects=True) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise _refused(answer)
            yield from answer.iter_text()

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        with self._reaching():
            answer = self._http.request(method, self.server + path, **rest)
        if not answer.is_success:
            raise _refused(answer)
        return answer

    def _job(self, answer: httpx.Response) -> Job:
        job = _object(answer)
        if not isinstance(job.get("job_id"), str) or not isinstance(job.get("status"), str):
            raise Refused(answer.status_code, {"detail": f"{self.server} answers, but not as Piecewise does"}, None)
        return job

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ServerNotReached(f"cannot reach {self.server}: {reason}") from None


def _path(job_id: str) -> str:
    return f"/v1/analyze/{quote(job_id, safe='')}"


def _refused(answer: httpx.Response) -> Refused:
    return Refused(answer.status_code, _object(answer), _retry_after(answer))


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds; the other form that RFC 9110 allows, a date, is not what our servers send."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _may_pass(error: ClientError) -> bool:
    return isinstance(error, ServerNotReached) or (isinstance(error, Refused) and error.status in _PASSING)


def _in_words(status: int, problem: Mapping[str, Any]) -> str:
    """One line: the detail and the fields to blame, or AWS's `message`, or the bare status."""
    said = problem.get("detail") or problem.get("title") or problem.get("message")
    if not said:
        return f"the server answered {status} without saying why"
    listed = problem.get("errors")
    fields = [
        f"{item.get('field')}: {item.get('message')}"
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict) and str(item.get("message")) not in str(said)
    ]
    return f"{said} ({status})" + (f" [{'; '.join(fields)}]" if fields else "")
