"""A history as a person reads it."""

from __future__ import annotations

from tests.simulation.model.checker import Verdict
from tests.simulation.model.states import Rows, State, Step


def story(verdict: Verdict) -> str:
    """The steps to what is wrong, and the rows in the end."""
    lines = [f"{number:3}  {sentence(step)}" for number, (step, _) in enumerate(verdict.history) if step]
    return "\n".join([f"wrong: {verdict.wrong}", *lines, *_end(verdict.history[-1][1])])


def sentence(step: Step) -> str:
    """One step in words."""
    about = f" {step.chunk}" if step.chunk >= 0 else ""
    token = f" under {step.token}" if step.token else ""
    answer = f": {step.answer}" if step.answer else ""
    fault = f"  [{step.fault}]" if step.fault else ""
    return f"{step.actor:12} {step.verb}{about}{token}{answer}{fault}"


def _end(state: State) -> list[str]:
    messages = [f"{message.kind} {message.chunk if message.chunk >= 0 else ''}".strip() for message in state.queue]
    return [*_rows(state.rows), f"     queue: {', '.join(messages) or 'empty'}"]


def _rows(rows: Rows) -> list[str]:
    if rows.job is None:
        return ["     no job"]
    job = rows.job
    head = f"     job: {job.status}, run {job.run}, {job.completed} completed, {job.failed} failed of {job.total}"
    chunks = [
        f"     chunk {index}: {chunk.status}, claim {chunk.claim_no}, lease {chunk.lease}, "
        f"{chunk.attempts} attempts, {chunk.crashes} crashes, {chunk.calls} calls" + (", hinted" if chunk.hint else "")
        for index, chunk in enumerate(rows.chunks)
    ]
    return [head, *chunks]
