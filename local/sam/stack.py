"""The whole of Piecewise with its api in a container, as a context manager.

::

    network ──▶ Postgres ──▶ moto, control, workers ──▶ sam ──▶ the api's container

Each needs what stands before it; they end in the opposite order.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from functions.core.errors import Misconfigured
from local.artifact.target import host
from local.options import HOST, Options, shares
from local.roles.work import Config
from local.sam.engine import Engine, EngineError
from local.sam.front import sam_local, start_api
from local.sam.postgres import reachable_postgres
from local.sam.reach import THIS_MACHINE, Reach, is_free
from local.sam.template import for_this_machine
from local.sam.tools import ToolMissing, built, find_sam, image
from local.stack import StackError
from local.stack.child import Facts, Spec
from local.stack.environment import environment
from local.stack.supervisor import Supervisor
from local.state_dir import StateDir, StateDirError
from local.template import TEMPLATE, Deployment, load_template

_PYTHON = (sys.executable, "-P", "-m")
_ENDING = 5.0  # seconds beyond the grace


class SamLocal:
    """Up inside `with`; everything is gone after it, containers too. One use."""

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        """`say` gets what sam writes, and what else the user should know, line by line."""
        self._options = options
        self._say = say
        self._held = contextlib.ExitStack()
        self._deaths: SimpleQueue[str] = SimpleQueue()
        self._kill: list[Callable[[], None]] = []
        self.url = f"http://{HOST}:{options.port}"
        self.state_path = Path()

    def __enter__(self) -> Self:
        """Start. Raises StackError with one line; nothing is left running then."""
        with self._held:
            try:
                self._start()
            except (EngineError, Misconfigured, StateDirError, ToolMissing) as error:
                raise StackError(str(error)) from None
            self._held = self._held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._held.close()

    def wait(self) -> None:
        """Until sam or Postgres has ended by itself, which raises StackError."""
        raise StackError(f"{self._deaths.get()} has ended by itself, and all else was stopped")

    def kill(self) -> None:
        """For the impatient, from a signal handler: whatever waits for an end need not wait any more."""
        for kill in self._kill:
            kill()

    def _start(self) -> None:
        engine, sam, deployment, port = Engine(), find_sam(), load_template(), self._options.port
        if not is_free(port):
            raise StackError(f"port {port} is in use: stop what listens there, or choose another with --port")
        self._say("building what the container runs")
        artifact = built()
        if not engine.has_image(image()):
            self._say(f"sam will make {image()} of Lambda's own, which it fetches: minutes, this once")
        state = self._held.enter_context(contextlib.closing(StateDir.open(self._options.state_dir)))
        self.state_path = state.path
        network = f"piecewise-sam-local-{port}"
        self._held.callback(engine.remove_network, network)
        reach = Reach.over(engine.make_network(network))
        env = self._environment(reach, state, deployment)
        database = self._held.enter_context(reachable_postgres(reach.database_url(reach.host)))
        self._watch("Postgres", database.wait)
        self._supervise(reach, env, state, deployment)
        argv = [sam, *start_api(_files(reach, env, artifact, state.path), port, env["AWS_REGION"], network)]
        argv += ["--add-host", f"{THIS_MACHINE}:{reach.host}"] if reach.host != HOST else []
        front = sam_local(argv, port, docker=engine.address, log=state.log("sam"), say=self._say)
        running = self._held.enter_context(front)
        self._kill.append(running.popen.kill)
        self._watch("sam", running.popen.wait)

    def _environment(self, reach: Reach, state: StateDir, deployment: Deployment) -> dict[str, str]:
        database_url = reach.database_url(reach.host)
        env = environment(self._options, state, deployment, os.environ, database_url)
        direct = f"{env['NO_PROXY']},{reach.host}"
        return env | {"NO_PROXY": direct, "no_proxy": direct}

    def _supervise(self, reach: Reach, env: dict[str, str], state: StateDir, deployment: Deployment) -> None:
        specs = self._specs(reach, state, deployment)
        supervisor = Supervisor(specs, env=env, log=state.log, say=self._say)
        groups = [[spec.name for spec in specs[1:]], [specs[0].name]]
        self._held.callback(supervisor.stop, groups, self._options.grace + _ENDING)
        self._kill.append(supervisor.kill)
        supervisor.start(self._options.start_timeout)

    def _specs(self, reach: Reach, state: StateDir, deployment: Deployment) -> list[Spec]:
        """moto first, which ends last."""
        (mapping,) = deployment.functions["chunk_worker"].mappings
        options, held = self._options, (state.lock_fd,)
        share = shares(options.concurrency, mapping.batch_size, options.workers or os.cpu_count() or 1)

        def process(*words: str) -> Callable[[Facts], list[str]]:
            return lambda _: [*_PYTHON, *words]

        where = ("--host", reach.host, "--port", str(reach.moto_port), "--state-dir", str(state.path))
        moto = process("local.moto", *where)
        control = process("local.role", "control", Config(grace=options.grace).dump())
        specs = [Spec("moto", moto, fds=held), Spec("control", control, frozenset({"moto"}), held)]
        for number, invocations in enumerate(share.invocations, start=1):
            config = Config(grace=options.grace, batch_size=share.batch_size, invocations=invocations)
            worker = process("local.role", "worker", config.dump())
            specs.append(Spec(f"worker-{number}", worker, frozenset({"moto", "prepared"}), held))
        return specs

    def _watch(self, name: str, ended: Callable[[], object]) -> None:
        def wait() -> None:
            ended()
            self._deaths.put(name)

        threading.Thread(target=wait, name=f"watch-{name}", daemon=True).start()


def _files(reach: Reach, env: Mapping[str, str], artifact: Path, where: Path) -> tuple[Path, Path]:
    """The copy of the template, and the values of its variables; the database's password is among them."""
    template, values = where / "template.json", where / "env.json"
    variables = reach.variables(env)
    copy = for_this_machine(TEMPLATE, artifact=artifact, architecture=host(), variables=variables)
    template.write_text(json.dumps(copy), encoding="utf-8")
    values.touch(mode=0o600)
    values.write_text(json.dumps({"Parameters": variables}), encoding="utf-8")
    return template, values
