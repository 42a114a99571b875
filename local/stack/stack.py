"""The stack of `piecewise up`: a listening socket, a database, and the processes that use them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from functions.core.errors import Misconfigured
from local.database import usable_url
from local.health import is_piecewise
from local.options import HOST, Options
from local.postgres import PostgresServer
from local.stack.environment import environment
from local.stack.specs import specs
from local.stack.standing import Standing
from local.stack.supervisor import StackError, Supervisor
from local.state_dir import StateDir
from local.templates.laptop import load_template


class Stack(Standing):
    """The API behind the gateway, and all else, as processes of this machine."""

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        """As every stack."""
        super().__init__(options, say=say)
        self._supervisor: Supervisor | None = None
        self.database_url = ""

    def kill(self) -> None:
        """End every process at once; for the impatient, from any thread or signal handler."""
        if self._supervisor is not None:
            self._supervisor.kill()

    def pids(self) -> dict[str, int]:
        """Process ids by name, as they are now: `moto`, `control`, `gateway`, `worker-1`, …"""
        return self._supervisor.pids() if self._supervisor is not None else {}

    def ready(self) -> dict[str, int]:
        """As `pids`, of those that have said that they are ready."""
        return self._supervisor.ready() if self._supervisor is not None else {}

    def aws_url(self) -> str:
        """Where the queues and the bucket answer."""
        assert self._supervisor is not None, "the stack is not up"
        return str(self._supervisor.fact("moto")["endpoint_url"])

    def _start(self) -> None:
        listener = self._held.enter_context(_listen(self._options.port))
        port = listener.getsockname()[1]
        _check(self._options)
        state = self._held.enter_context(contextlib.closing(StateDir.open(self._options.state_dir)))
        deployment = load_template()
        database_url = self._database(state)
        env = environment(self._options, state, deployment, os.environ, database_url)
        processes = specs(self._options, state, deployment, gateway=listener.fileno())
        self._supervisor = self._supervised(processes, env, state)
        self._held.callback(listener.close)  # first of all, or requests that come now would wait for nobody
        self._supervisor.start(self._options.start_timeout)
        self._await_health(port)
        self.url, self.state_path = f"http://{HOST}:{port}", state.path
        self.database_url = env["PIECEWISE_DATABASE_URL"]

    def _database(self, state: StateDir) -> str | None:
        """The URL of what is not the state's file. Raises Misconfigured."""
        if self._options.database_url is not None:
            return usable_url(self._options.database_url)
        if not self._options.postgres:
            return None
        server = PostgresServer(_open_to_others(state.path) / "postgres", state.log("postgres"))
        self._held.callback(server.stop)
        server.keep(self._say)
        return server.url

    def _await_health(self, port: int) -> None:
        until = time.monotonic() + self._options.start_timeout
        while not is_piecewise(HOST, port, timeout=max(0.1, until - time.monotonic())):
            if time.monotonic() >= until:
                raise StackError("the gateway runs but does not answer GET /health")
            time.sleep(0.05)


def _check(options: Options) -> None:
    """Raises Misconfigured for options that do not go together, or need what is not installed."""
    if options.database_url is not None and options.postgres:
        raise Misconfigured("--postgres starts a database of its own: leave out either that or --database-url")
    if options.database_url is not None and options.state_dir is None:
        raise Misconfigured(
            "--database-url keeps jobs, whose documents are kept in the state directory: name one with --state-dir"
        )
    if options.isolated and find_spec("awslambdaric") is None:
        raise Misconfigured(
            "--isolated needs AWS's runtime client, which there is for Linux only: pip install awslambdaric"
        )


def _open_to_others(state: Path) -> Path:
    """Let Postgres's user enter the state directory when we are root, and nothing in it but its own."""
    if os.geteuid() == 0:
        for each in state.iterdir():
            if each.name != "postgres":
                each.chmod(0o700 if each.is_dir() else 0o600)
        state.chmod(0o711)
    return state


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback. Raises StackError, naming the way out, when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise StackError(f"port {port} is in use: stop what listens there, or choose another with --port") from None
        raise StackError(f"cannot listen on port {port}: {error.strerror} (choose another with --port)") from None
    return listener
