"""Which processes a stack has, how each is started, and what it needs.

::

    moto ───────────▶ control: migrate, provision, recover ───prepared──▶ gateway, workers
    (queues, bucket)  then planner, finalizer, dead letter, reconciler
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace

from local.options import Options, shares
from local.roles.work import Config
from local.stack.child import Facts, Spec
from local.state_dir import StateDir
from local.templates.deployment import Deployment

_PYTHON = (sys.executable, "-P", "-m")  # -P: the user's directory may have a `local` of its own


def specs(
    options: Options, state: StateDir, deployment: Deployment, *,
    gateway: int | None = None, moto_at: tuple[str, int] | None = None,
) -> list[Spec]:  # fmt: skip
    """`gateway`: the descriptor of its listening socket, None for no gateway; `moto_at` None: a free port of loopback.

    moto comes first, and ends last.
    """
    held = (state.lock_fd,)
    common = Config(
        grace=options.grace, isolated=options.isolated,
        handed=tuple(options.env), claims=str(state.path) if options.database_url else "",
    )  # fmt: skip
    made = [Spec("moto", _moto(state, moto_at), fds=held)]
    made.append(Spec("control", _role("control", common), frozenset({"moto"}), held))
    prepared = frozenset({"moto", "prepared"})
    if gateway is not None:
        made.append(Spec("gateway", _role("gateway", replace(common, fd=gateway)), prepared, (*held, gateway)))
    for number, config in enumerate(_workers(options, deployment, common), start=1):
        made.append(Spec(f"worker-{number}", _role("worker", config), prepared, held))
    return made


def _moto(state: StateDir, at: tuple[str, int] | None) -> Callable[[Facts], list[str]]:
    def argv(facts: Facts) -> list[str]:
        host, port = at or ("", facts.get("moto", {}).get("port", 0))
        where = ["--host", host] if host else []
        return [*_PYTHON, "local.moto", *where, "--port", str(port), "--state-dir", str(state.path)]

    return argv


def _role(name: str, config: Config) -> Callable[[Facts], list[str]]:
    return lambda _: [*_PYTHON, "local.role", name, config.dump()]


def _workers(options: Options, deployment: Deployment, common: Config) -> list[Config]:
    """Each worker's share of the chunks in work at once."""
    (mapping,) = deployment.functions["chunk_worker"].mappings
    processes = 1 if options.isolated else options.workers or os.cpu_count() or 1
    share = shares(options.concurrency, mapping.batch_size, processes)
    every = replace(common, batch_size=share.batch_size, timeout=options.chunk_timeout)
    return [replace(every, invocations=invocations) for invocations in share.invocations]
