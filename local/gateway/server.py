"""uvicorn in this process: bound before anything starts, stopped without fuss."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.gateway.app import Gateway


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError (EADDRINUSE) here and now.

    It listens at once, because two sockets that merely are bound may share a port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: asyncio turns Nagle's algorithm off only then, and it costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    app: Gateway,
    listener: socket.socket,
    *,
    on_ready: Callable[[int], None],
    stop: threading.Event,
    grace: int = 10,
) -> None:
    """Serve `app` on `listener` until `stop` is set or, in the main thread, SIGTERM or SIGINT comes.

    `on_ready(port)` is called once requests are answered; requests under way have `grace` seconds to end.
    Closes the listener.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=grace,
    )
    try:
        _Server(config, on_ready, stop).run(sockets=[listener])
    finally:
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[int], None], stop: threading.Event) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._stop_asked = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:
            self._on_ready(sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop_asked.is_set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal again when it is done, which would end the process by it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
