"""The product's store as one invocation has it, with what it learns written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.core.store.sql import SqlStore
    from local.simulation.process import Process
    from local.simulation.trace import Trace


class ToldStore:
    """`functions.core.store_port.Store`: notes every call, and when chunks were asked for that are to be called for."""

    def __init__(self, store: SqlStore, process: Process, trace: Trace, clock: Callable[[], float]) -> None:
        self._store = store
        self._process = process
        self._trace = trace
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            asked = self._clock()
            try:
                answer = await method(*args, **kwargs)
            except Exception as error:
                self._trace.note(self._process.name, f"store.{name}", f"raised {type(error).__name__}")
                raise
            self._trace.note(self._process.name, f"store.{name}", answer)
            self._learn(name, answer, asked)
            return answer

        return call

    def _learn(self, name: str, answer: Any, asked: float) -> None:
        """It may call for what it has claimed, and was told to be wanted."""
        if name == "claim":
            keys = [(claim.job_id, claim.chunk_index) for claim in answer.claims]
        elif name == "wanted":
            keys = sorted(answer)
        else:
            return
        for key in keys:
            self._process.looked[key] = asked
