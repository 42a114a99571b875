"""A proxy in front of a Postgres that reads the protocol: it records, speaks TLS, and cuts connections with a reset.

A *round* is what a client sends up to the point where it may wait for an answer: the start of a connection, a query,
or everything up to a Sync (https://www.postgresql.org/docs/current/protocol-flow.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import URL, make_url

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds


class CutError(Exception):
    """This connection is over."""


@dataclass
class Cut:
    """Cuts at round `at` (from 0): before the server sees it, or `after` the server's answer, which is withheld."""

    at: int
    after: bool
    for_ever: bool = False  # every later round too
    seen: int = 0
    made: int = 0

    def strikes(self) -> bool:
        """Whether the round that begins now is the one."""
        self.seen += 1
        struck = self.seen - 1 == self.at or (self.for_ever and self.seen - 1 > self.at)
        self.made += struck
        return struck


@dataclass
class PostgresWire:
    """Listens on a free port of 127.0.0.1 while it is entered."""

    backend: URL
    tls: ssl.SSLContext | None = None
    sent: list[tuple[str, bytes]] = field(default_factory=list)  # (type of message, body), as clients sent them
    cut: Cut = field(default_factory=lambda: Cut(at=-1, after=False))
    port: int = 0

    @classmethod
    def before(cls, url: str, tls: ssl.SSLContext | None = None) -> Self:
        """In front of the server of a URL, over TCP or a Unix socket."""
        return cls(make_url(url), tls)

    def url(self, **changes: Any) -> str:
        """The backend's URL by way of this proxy."""
        through = self.backend.difference_update_query(["host"]).set(host="127.0.0.1", port=self.port)
        return through.set(**changes).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="wire", daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def statements(self) -> list[str]:
        """The text of every statement sent, in order."""
        texts = []
        for kind, body in self.sent:
            if kind == "Q":
                texts.append(body[:-1].decode())
            elif kind == "P":
                name, text, _ = body.split(b"\0", 2)
                assert not name, "a statement was prepared under a name"
                texts.append(text.decode())
        return texts

    def start(self) -> dict[str, str]:
        """The parameters that the last connection began with."""
        body = [body for kind, body in self.sent if kind == "start"][-1]
        words = body[4:].rstrip(b"\0").split(b"\0")
        return {name.decode(): value.decode() for name, value in zip(words[::2], words[1::2], strict=True)}

    # -- on the loop
    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stopped = asyncio.Event()
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await self._stopped.wait()
        listening.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # cancelled: the proxy ends
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, CutError, asyncio.CancelledError):
            start = await self._negotiate(reader, writer)
            server_reader, server_writer = await self._connect()
            try:
                await _Relay(self, reader, writer, server_reader, server_writer).run(start)
            finally:
                server_writer.transport.abort()
        writer.transport.abort()

    async def _negotiate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The start packet, after TLS where the client asks for it and we have it."""
        while True:
            packet = await _packet(reader)
            (code,) = struct.unpack("!I", packet[4:8])
            if code not in (_SSL_REQUEST, _GSS_REQUEST):
                return packet
            secure = self.tls is not None and code == _SSL_REQUEST
            writer.write(b"S" if secure else b"N")
            await writer.drain()
            if self.tls and secure:
                await writer.start_tls(self.tls)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        directory = self.backend.query.get("host")
        port = self.backend.port or 5432
        if directory:
            return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self.backend.host, port)


@dataclass
class _Relay:
    """One connection."""

    wire: PostgresWire
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server_reader: asyncio.StreamReader
    server_writer: asyncio.StreamWriter
    begun: int = 0  # rounds of this connection
    answered: int = 0
    withheld: int | None = None  # the round whose answer the client never gets
    inside: bool = False  # a round

    async def run(self, start: bytes) -> None:
        """Until one side is gone, or the cut."""
        answers = asyncio.ensure_future(self._answers())
        questions = asyncio.ensure_future(self._questions(start))
        try:
            done, _ = await asyncio.wait((answers, questions), return_when=asyncio.FIRST_COMPLETED)
            if any(isinstance(task.exception(), CutError) for task in done):
                await self._reset(answers)
        finally:
            for task in (answers, questions):
                task.cancel()
            await asyncio.gather(answers, questions, return_exceptions=True)

    async def _questions(self, start: bytes) -> None:
        await self._forward("start", start, start[4:])
        self.inside = False
        while True:
            kind = (await self.reader.readexactly(1)).decode()
            rest = await _packet(self.reader)
            await self._forward(kind, kind.encode() + rest, rest[4:])

    async def _forward(self, kind: str, message: bytes, body: bytes) -> None:
        if not self.inside and kind not in "Xp":  # a good-bye and a password are no rounds
            self._begin()
        self.wire.sent.append((kind, body))
        self.inside = kind not in ("Q", "S") and self.inside
        self.server_writer.write(message)
        await self.server_writer.drain()

    def _begin(self) -> None:
        self.inside = True
        self.begun += 1
        if self.wire.cut.strikes():
            if not self.wire.cut.after:
                raise CutError
            self.withheld = self.begun

    async def _answers(self) -> None:
        while True:
            kind = await self.server_reader.readexactly(1)
            message = kind + await _packet(self.server_reader)
            self.answered += kind == b"Z"
            if self.withheld is None or self.answered + (kind != b"Z") < self.withheld:
                self.writer.write(message)
                await self.writer.drain()
            elif kind == b"Z":
                raise CutError

    async def _reset(self, answers: asyncio.Task[None]) -> None:
        """The server first: what it had begun is rolled back, and its locks are gone, when the client hears of it."""
        self.server_writer.write_eof()
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        while await self.server_reader.read(65_536):
            pass
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """A length and what follows it."""
    head = await reader.readexactly(4)
    (length,) = struct.unpack("!I", head)
    return head + await reader.readexactly(length - 4)
