"""What roles share: their configuration, and the event sources that they feed functions from."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from local.invoke import Invocable
    from local.templates.deployment import FunctionSpec

_TASK_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the parent tells a role beyond the environment; travels as JSON in argv."""

    fd: int = -1  # the gateway's listening socket
    batch_size: int = 1  # a worker's, in chunks
    invocations: int = 1  # a worker's share of those at once
    grace: float = 5.0  # seconds for running calls at the end
    isolated: bool = False  # functions in processes of their own
    timeout: float | None = None  # theirs at most, in seconds
    claims: str = ""  # the state directory that a database which lives on shall belong to
    handed: Sequence[str] = ()  # variables that such a process sees beyond the template's

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `dump`."""
        return cls(**json.loads(text))

    def dump(self) -> str:
        """JSON."""
        return json.dumps(asdict(self))


class Source(Protocol):
    """What feeds a function: an event source mapping, a schedule."""

    def start(self) -> None:
        """Begin to feed it, from threads of its own. Once."""
        ...

    def stop(self, grace: float) -> bool:
        """Begin nothing new, wait `grace` seconds for what runs; True: all of it ended."""
        ...


def function(spec: FunctionSpec, config: Config, *, most: int) -> Invocable:
    """The function that a template describes: its handler imported, or run in at most `most` processes."""
    if config.isolated:
        return _isolated(spec, config, most)
    from local.invoke import Function, load_handler

    return Function(name=spec.name, handler=load_handler(spec.handler), timeout=spec.timeout, memory=spec.memory)


def _isolated(spec: FunctionSpec, config: Config, most: int) -> Invocable:
    from local.isolated import Declared, IsolatedFunction, Plan, environment
    from local.templates.laptop import load_template

    every = frozenset().union(*(each.declared for each in load_template().functions.values()))
    declared = Declared(spec.name, spec.memory, spec.declared, spec.environment, elsewhere=every)
    plan = Plan(
        name=spec.name,
        handler=spec.handler,
        timeout=min(spec.timeout, config.timeout or spec.timeout),
        memory=spec.memory,
        most=most,
        env=lambda: environment(declared, os.environ, _TASK_ROOT, handed=config.handed),
        task_root=_TASK_ROOT,
    )
    return IsolatedFunction(plan)


def stop_all(sources: Sequence[Source], grace: float) -> None:
    """Stop all of them side by side: each waits for its last poll."""
    threads = [threading.Thread(target=source.stop, args=(grace,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
