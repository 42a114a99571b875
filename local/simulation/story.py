"""What a history knows about its jobs beside the database: what was said of them, and what must therefore hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from functions.core.model import Metric

Key = tuple[str, int]  # (job_id, chunk_index)

TEXT_MARK = "zqx"  # stands in every word of every document: no log line may contain it
ANSWER_MARK = "zqa"  # in every answer of the model
INSTRUCTIONS_MARK = "zqi"  # in every instruction


class Violation(Exception):
    """A promise was broken: the history ends here."""


@dataclass(frozen=True, slots=True)
class Broken:
    """How the job of a document that is no text must fail: its error's code, and words in its message."""

    code: str
    words: str


@dataclass
class Story:
    """Told by clients, model and database; each notes what it has seen."""

    texts: dict[str, str] = field(default_factory=dict)  # every document that a client tried to submit, by job
    owners: dict[str, str] = field(default_factory=dict)  # by job
    documents: int = 0  # uploads that clients announced
    uploads: dict[str, str] = field(default_factory=dict)  # by job: the upload that it analyses
    overlaps: dict[str, int] = field(default_factory=dict)  # by job: characters of context
    broken: dict[str, Broken] = field(default_factory=dict)  # by job: why its document cannot be read
    keyed: dict[str, tuple[str, str]] = field(default_factory=dict)  # by job: the (owner, idempotency key) it came with
    made: dict[tuple[str, str], str] = field(default_factory=dict)  # by (owner, idempotency key): the job that began
    accepted: set[str] = field(default_factory=set)  # answered with 202
    cancelled: set[str] = field(default_factory=set)  # answered with "cancelled"
    to_be_erased: set[str] = field(default_factory=set)  # a client has asked for it
    erased: set[str] = field(default_factory=set)  # answered with "deleted"
    gone_at: dict[str, float] = field(default_factory=dict)  # when a job, or an upload, was seen to be deleted
    completed_at: dict[Key, float] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)  # when a job was seen to be active no more
    crashed_out: set[Key] = field(default_factory=set)  # chunks given up because their workers crashed
    calls: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # that count: (job_id, chunk_index, run)
    all_calls: Counter[Key] = field(default_factory=Counter)  # those of all runs
    moved: Counter[Metric] = field(default_factory=Counter)  # what the metrics may count: changes of rows
    outcomes: Counter[str] = field(default_factory=Counter)

    def worker_crashed(self, key: Key) -> None:
        """A chunk was given up because its workers crashed."""
        self.crashed_out.add(key)

    def new_job(
        self,
        text: str,
        owner: str = "",
        *,
        overlap: int = 0,
        broken: Broken | None = None,
        key: str | None = None,
        document_id: str | None = None,
    ) -> str:
        """The id of a job for this document: `functions.core.wiring.Parts.new_job_id`."""
        job_id = f"job{len(self.texts)}"
        self.texts[job_id] = text
        self.owners[job_id] = owner
        self.overlaps[job_id] = overlap
        if broken:
            self.broken[job_id] = broken
        if key:
            self.keyed[job_id] = (owner, key)
        if document_id:
            self.uploads[job_id] = document_id
        return job_id

    def new_document(self) -> str:
        """The id of an upload."""
        self.documents += 1
        return f"doc{self.documents}"

    def begins(self, job_id: str) -> None:
        """A job is there. Raises Violation when its idempotency key has made another one before."""
        key = self.keyed.get(job_id)
        if key and self.made.setdefault(key, job_id) != job_id:
            raise Violation(f"{job_id} is the second job of one idempotency key, after {self.made[key]}")


def answer_to(job_id: str, chunk_index: int, text: str) -> str:
    """What the simulated model says of a chunk."""
    return f"{ANSWER_MARK} {job_id}/{chunk_index}/{len(text)}/{sum(map(ord, text))}"
