"""Watches every call of the model: is it one that was to be made, and paid for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.simulation.rows import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.core.model import ModelCall
    from local.simulation.process import Process
    from local.simulation.rows import ChunkRow
    from local.simulation.story import Story
    from local.simulation.watch import Watch


class Calls:
    """The invariants of calls. `crash_limit`: how many calls of a chunk may be lost with their workers."""

    def __init__(self, story: Story, watch: Watch, *, crash_limit: int) -> None:
        self._story = story
        self._watch = watch
        self._crash_limit = crash_limit

    def begin(self, process: Process, call: ModelCall) -> int:
        """The job's run. Notes as violations what the worker could have known better."""
        self._watch.violations += self._wrong(process, call)
        job = self._watch.jobs.get(call.job_id)
        return job.run if job else 0

    def _wrong(self, process: Process, call: ModelCall) -> Iterator[str]:
        key = (call.job_id, call.chunk_index)
        looked = process.looked.get(key)
        if looked is None:
            yield f"{process.name} calls for {key}, which it has never claimed"
            return
        for reason, at in self._senseless(call):
            if at < looked:
                yield f"{process.name} looked at {looked:.3f} and calls for {key}, which {reason} since {at:.3f}"
        job = self._watch.jobs.get(call.job_id)
        if job is None:
            return
        calls = self._story.calls[call.job_id, call.chunk_index, job.run] + 1
        if calls > job.max_attempts + self._crash_limit and process.thawed_at < 0:
            yield f"call {calls} for {key}: more than were promised"
        row = self._watch.chunks[call.job_id][call.chunk_index]
        if call.text != self._story.texts[call.job_id][row.char_start : row.char_end]:
            yield f"the model is shown a text for {key} that is not its span"
        if (call.before, call.after) != self._beside(call.job_id, row):
            yield f"the model is shown a context for {key} that does not stand beside it"

    def _beside(self, job_id: str, row: ChunkRow) -> tuple[str, str]:
        text, overlap = self._story.texts[job_id], self._story.overlaps[job_id]
        return text[max(0, row.char_start - overlap) : row.char_start], text[row.char_end : row.char_end + overlap]

    def _senseless(self, call: ModelCall) -> Iterator[tuple[str, float]]:
        """Why this call makes no sense, and since when."""
        key = (call.job_id, call.chunk_index)
        if key in self._story.completed_at:
            yield "is completed", self._story.completed_at[key]
        if call.job_id in self._story.gone_at:
            yield "is deleted", self._story.gone_at[call.job_id]
        job = self._watch.jobs.get(call.job_id)
        if job and job.status not in ACTIVE:
            yield "belongs to a job that has ended", self._story.ended_at[call.job_id]
