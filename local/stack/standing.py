"""What every stack is: processes that are up inside `with`, and gone after it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from functions.core.errors import Misconfigured
from local.options import Options
from local.stack.child import Spec
from local.stack.supervisor import StackError, Supervisor
from local.state_dir import StateDir, StateDirError

_ENDING = 5.0  # seconds beyond the grace: a poll under way, the last deletes


class Standing(ABC):
    """Up inside `with`; everything is gone after it. One use."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (StateDirError, Misconfigured)

    def __init__(self, options: Options, *, say: Callable[[str], None]) -> None:
        """`say` gets one line for each thing the user should know, as when a process had to be started again."""
        self._options = options
        self._say = say
        self._held = contextlib.ExitStack()
        self.url = ""
        self.state_path = Path()

    def __enter__(self) -> Self:
        """Start. Raises StackError with one line; nothing is left running then."""
        with self._held:
            try:
                self._start()
            except self.refusals as error:
                raise StackError(str(error)) from None
            self._held = self._held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: what is being worked on gets the grace."""
        self._held.close()

    @abstractmethod
    def _start(self) -> None:
        """Start, with everything that must end in `_held`; may raise `refusals`."""

    def _supervised(self, specs: Sequence[Spec], env: Mapping[str, str], state: StateDir) -> Supervisor:
        """Not started yet; the first ends after all others."""
        supervisor = Supervisor(specs, env=env, log=state.log, say=self._say)
        first, *others = [spec.name for spec in specs]
        limit = self._options.grace + _ENDING if self._options.grace else 0.0
        self._held.callback(supervisor.stop, [others, [first]], limit)
        return supervisor
