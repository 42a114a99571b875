"""Which processes a stack has, what each needs, and the order in which they end.

::

    moto ───────────▶ control: migrate, provision, recover ───prepared──▶ gateway, workers
    (queues, bucket)  then planner, finalizer, dead letter, reconciler
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from functions.core.errors import Misconfigured
from local.database import usable_url
from local.health import is_piecewise
from local.options import HOST, Options, shares
from local.postgres import PostgresServer
from local.roles.work import Config
from local.stack.child import Facts, Spec
from local.stack.environment import environment
from local.stack.supervisor import StackError, Supervisor
from local.state_dir import StateDir, StateDirError
from local.template import Deployment, load_template

_PYTHON = (sys.executable, "-P", "-m")  # -P: the user's directory may have a `local` of its own
_ENDING = 5.0  # seconds beyond the grace: a poll under way, the last deletes


class Stack:
    """Up inside `with`; everything is gone after it. One use."""

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        """`say` gets one line for each thing the user should know, as when a process had to be started again."""
        self._options = options
        self._say = say
        self._held = contextlib.ExitStack()
        self._supervisor: Supervisor | None = None
        self.url = ""
        self.database_url = ""
        self.state_path = Path()

    def __enter__(self) -> Self:
        """Start. Raises StackError with one line; nothing is left running then."""
        with self._held:
            self._start()
            self._held = self._held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: what is being worked on gets the grace."""
        self._held.close()

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
        try:
            _check(self._options)
            state = self._held.enter_context(contextlib.closing(StateDir.open(self._options.state_dir)))
            deployment = load_template()
            database_url = self._database(state)
        except (StateDirError, Misconfigured) as error:
            raise StackError(str(error)) from None
        specs = self._specs(state, deployment, listener)
        env = environment(self._options, state, deployment, os.environ, database_url)
        self._supervisor = Supervisor(specs, env=env, log=state.log, say=self._say)
        self._held.callback(self._stop, self._supervisor, [spec.name for spec in specs], listener)
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
        return server.url

    def _stop(self, supervisor: Supervisor, names: list[str], listener: socket.socket) -> None:
        listener.close()  # or requests that come now would wait for nobody
        limit = self._options.grace + _ENDING if self._options.grace else 0.0
        supervisor.stop([[name for name in names if name != "moto"], ["moto"]], limit)

    def _specs(self, state: StateDir, deployment: Deployment, listener: socket.socket) -> list[Spec]:
        (mapping,) = deployment.functions["chunk_worker"].mappings
        options, held = self._options, (state.lock_fd,)
        processes = 1 if options.isolated else options.workers or os.cpu_count() or 1
        share = shares(options.concurrency, mapping.batch_size, processes)
        common = Config(
            grace=options.grace, isolated=options.isolated,
            handed=tuple(options.env), claims=str(state.path) if options.database_url else "",
        )  # fmt: skip

        def moto(facts: Facts) -> list[str]:
            port = facts.get("moto", {}).get("port", 0)
            return [*_PYTHON, "local.moto", "--port", str(port), "--state-dir", str(state.path)]

        specs = [
            Spec("moto", moto, fds=held),
            Spec("control", _role("control", common), frozenset({"moto"}), held),
            Spec(
                "gateway", _role("gateway", replace(common, fd=listener.fileno())),
                frozenset({"moto", "prepared"}), (*held, listener.fileno()),
            ),
        ]  # fmt: skip
        for number, invocations in enumerate(share.invocations, start=1):
            config = replace(
                common, batch_size=share.batch_size, invocations=invocations, timeout=options.chunk_timeout
            )
            specs.append(Spec(f"worker-{number}", _role("worker", config), frozenset({"moto", "prepared"}), held))
        return specs

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


def _role(name: str, config: Config) -> Callable[[Facts], list[str]]:
    return lambda _: [*_PYTHON, "local.role", name, config.dump()]


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
