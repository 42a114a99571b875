"""HTTP to one host: an answer, or the ClientError that says why there is none."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from local.client.errors import Refused, ServerNotReached

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
_XML = re.compile(r"<(Code|Message)>([^<]*)</")  # of S3's refusals, which are no problem details


class Http:
    """Speaks to one host, from any number of threads. What it raises is a ServerNotReached or a Refused."""

    def __init__(self, server: str, *, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        """`server` as in `http://127.0.0.1:3000`, with or without a path; `timeout` in seconds, for each answer."""
        self.server = server.rstrip("/")
        near = urlsplit(server).hostname in _LOOPBACK
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=5.0),
            headers={"User-Agent": "piecewise", **(headers or {})},
            trust_env=not near,  # a proxy has no business between us and this machine
            # Certificates take a quarter of a second to load; with none, https is refused, not unchecked.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if near and server.startswith("http:") else True,
        )
        self._answered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """An answer that is 2xx, or 304."""
        with self._reaching():
            answer = self._http.request(method, self.server + path, **rest)
        return _checked(answer)

    def put(self, url: str, headers: Mapping[str, str], blocks: Iterable[bytes]) -> None:
        """Send the blocks, which come to as many bytes as `headers` say, to a URL of this host."""
        with self._reaching():
            answer = self._http.request("PUT", url, headers=dict(headers), content=blocks)
        _checked(answer)

    @contextmanager
    def stream(self, path: str, *, accept: str) -> Iterator[httpx.Response]:
        """An answer to be read as it comes; a redirect is followed."""
        with (
            self._reaching(),
            self._http.stream("GET", self.server + path, headers={"Accept": accept}, follow_redirects=True) as answer,
        ):
            if not answer.is_success:
                answer.read()
            yield _checked(answer)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            never = isinstance(error, _NO_CONNECTION) and not self._answered
            raise ServerNotReached(f"cannot reach {self.server}: {reason}", passing=not never) from None
        self._answered = True


def fields(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; empty if it is something else."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds; the other form that RFC 9110 allows, a date, is not what our servers send."""
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
        return answer
    raise Refused(answer.status_code, fields(answer) or _of_s3(answer.text), retry_after(answer))


def _of_s3(body: str) -> dict[str, str]:
    said = dict(_XML.findall(body))
    if "Code" not in said:
        return {}
    return {"code": said["Code"], "detail": f"S3 says {said['Code']}: {said.get('Message', '')}"}
