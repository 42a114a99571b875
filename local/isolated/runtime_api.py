"""Lambda's Runtime API for one process: its requests, one after another, in the thread that invokes it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. On Lambda every execution environment has one of its
own behind AWS_LAMBDA_RUNTIME_API; so here: the port says who speaks. A request that nobody reads waits in the kernel,
so an idle process costs no thread.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import parse_headers
from typing import IO

from local.options import HOST

_AT_ONCE = 65_536  # bytes
_REASONS = {200: "OK", 202: "Accepted", 403: "Forbidden", 413: "Payload Too Large"}


class Exited(Exception):
    """The process has ended instead of asking anything."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the process said: the path behind `/2018-06-01/runtime/`; `size` in bytes of a body too large to keep."""

    path: str
    body: bytes
    size: int


class RuntimeApi:
    """Speaks to one process; `most` is how many bytes of a body are kept. Not for several threads at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._listener = socket.create_server((HOST, 0))
        self._connection: socket.socket | None = None
        self._lines: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """What AWS_LAMBDA_RUNTIME_API says."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def receive(self, pidfd: int, until: float) -> Request:
        """The process's next request. Raises Exited, and TimeoutError at the monotonic time `until`."""
        while True:
            ready = self._wait(pidfd, until)
            if self._connection is not None and self._connection.fileno() in ready:
                request = self._read(until)
                if request is not None:
                    return request
                self._hang_up()
            elif self._listener.fileno() in ready:
                self._hang_up()
                self._connection, _ = self._listener.accept()
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines = self._connection.makefile("rb")
            else:  # what it said before its end comes first
                raise Exited

    def answer(self, status: int, body: bytes = b'{"status":"OK"}\n', headers: Mapping[str, str] | None = None) -> None:
        """Answer the request received last; `receive` will notice a process that is gone. Raises TimeoutError."""
        assert self._connection is not None
        given = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        try:
            self._connection.sendall(f"HTTP/1.1 {status} {_REASONS[status]}\r\n{head}\r\n".encode("latin-1") + body)
        except TimeoutError:
            raise
        except OSError:
            self._hang_up()

    def refuse(self, status: int, kind: str, message: str) -> None:
        """Answer the request received last with an error."""
        self.answer(status, json.dumps({"errorType": kind, "errorMessage": message}).encode())

    def close(self) -> None:
        """Nobody can speak any more."""
        self._hang_up()
        self._listener.close()

    def _wait(self, pidfd: int, until: float) -> set[int]:
        """The descriptors of whom there is news. Raises TimeoutError."""
        poll = select.poll()
        for each in (self._connection, self._listener):
            if each is not None:
                poll.register(each, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not ready:
            raise TimeoutError
        return {number for number, _ in ready}

    def _read(self, until: float) -> Request | None:
        """One request; None when the connection ends before it does."""
        assert self._connection is not None
        assert self._lines is not None
        self._connection.settimeout(max(0.001, until - time.monotonic()))
        try:
            line = self._lines.readline(_AT_ONCE).split()
            if len(line) != 3:
                return None
            size = int(parse_headers(self._lines).get("content-length") or 0)
            body = self._lines.read(size) if size <= self._most else self._skip(size)
        except ConnectionError:
            return None
        whole = size > self._most or len(body) == size
        return Request(line[1].decode("latin-1").partition("/runtime/")[2], body, size) if whole else None

    def _skip(self, size: int) -> bytes:
        """Read what will not be kept, so that the process hears our answer."""
        assert self._lines is not None
        while size > 0 and (part := self._lines.read(min(size, _AT_ONCE))):
            size -= len(part)
        return b""

    def _hang_up(self) -> None:
        for each in (self._lines, self._connection):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()
        self._lines = self._connection = None
