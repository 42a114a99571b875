"""The whole of Piecewise with its api in a container, as a context manager.

::

    network ──▶ Postgres ──▶ moto, control, workers ──▶ sam ──▶ the api's container

Each needs what stands before it; they end in the opposite order.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue

from local.artifact.target import host
from local.options import HOST, Options
from local.sam.engine import Engine, EngineError
from local.sam.front import sam_local, start_api
from local.sam.postgres import reachable_postgres
from local.sam.reach import THIS_MACHINE, Reach, is_free
from local.sam.template import for_this_machine
from local.sam.tools import ToolMissing, built, find_sam, image
from local.sam.turn import only_one
from local.stack import StackError
from local.stack.environment import environment
from local.stack.specs import specs
from local.stack.standing import Standing
from local.state_dir import StateDir
from local.templates.deployment import Deployment
from local.templates.laptop import load_template
from local.templates.written import TEMPLATE


class SamLocal(Standing):
    """The API in a container of SAM's, and all else as processes of this machine."""

    refusals = (*Standing.refusals, EngineError, ToolMissing)

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        """`say` gets what sam writes too."""
        super().__init__(options, say=say)
        self._deaths: SimpleQueue[str] = SimpleQueue()
        self._kill: list[Callable[[], None]] = []
        self.url = f"http://{HOST}:{options.port}"

    def wait(self) -> None:
        """Until sam or Postgres has ended by itself, which raises StackError."""
        raise StackError(f"{self._deaths.get()} has ended by itself, and all else was stopped")

    def kill(self) -> None:
        """For the impatient, from a signal handler: whatever waits for an end need not wait any more."""
        for kill in self._kill:
            kill()

    def _start(self) -> None:
        engine, sam, deployment, port = Engine(), find_sam(), load_template(), self._options.port
        self._held.enter_context(only_one(port))
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
        processes = specs(self._options, state, deployment, moto_at=(reach.host, reach.moto_port))
        supervisor = self._supervised(processes, env, state)
        self._kill.append(supervisor.kill)
        supervisor.start(self._options.start_timeout)

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
