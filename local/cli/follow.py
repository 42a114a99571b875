"""A job shown until it has ended, and what it came to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.cli import report, target
from local.cli.exits import OF_STATUS, SIGNALLED, Ending
from local.cli.progress import progress
from local.cli.say import out
from local.cli.signals import Stopped

if TYPE_CHECKING:
    from local.client import Client, Seen

_LONGEST_PAUSE = 5.0  # seconds between two looks: somebody watches, and a job that has not changed costs little


def to_the_end(client: Client, job_id: str) -> Seen:
    """Show progress until the job has ended."""
    with progress() as show:
        for seen in client.watch(job_id, longest_pause=_LONGEST_PAUSE):
            show(seen.job)
    return seen


def outcome(client: Client, seen: Seen, *, as_json: bool, output: Path | None) -> int:
    """The result where it is wanted, how the job ended on stderr; the exit status.

    As JSON the API's own answer is on stdout instead, and the result in `output` only.
    """
    job = seen.job
    inline = job.get("analysis_result")
    if output is not None and job["status"] in report.WITH_RESULT:
        target.deliver(client, job["job_id"], output)
    if as_json:
        out([seen.body])
    elif output is None and inline is not None:
        out([inline])
    elif output is None and job["result_url"]:
        target.deliver(client, job["job_id"], None)
    if not as_json:
        report.ending(job)
    return OF_STATUS.get(job["status"], 1)


@contextmanager
def interrupted(fate: Fate) -> Iterator[None]:
    """Ctrl-C, and whatever else stops the command, ends it with what becomes of the work."""
    try:
        yield
    except (KeyboardInterrupt, Stopped) as stop:
        number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
        raise Ending(f"interrupted: {fate.words}", SIGNALLED + number) from None


class Fate:
    """What becomes of a document if the command is stopped now."""

    def __init__(self, url: str, *, own: bool = False) -> None:
        """`own`: the server goes down with the command."""
        self._url = url
        self._own = own
        self.words = "nothing was sent"

    def uploading(self, document_id: str, expires_at: str) -> None:
        """Bytes are on their way."""
        self.words = f"no job was made; what was uploaded (document {document_id}) is dropped after {expires_at}"
        self._unless_own("the upload")

    def submitting(self) -> None:
        """A request is on its way that makes a job."""
        self.words = f"the job may have been accepted already; see: piecewise list --server {self._url}"
        self._unless_own("the job")

    def retrying(self, job_id: str) -> None:
        """A request is on its way that begins another run."""
        self.words = f"job {job_id} may run again already; see: piecewise status {job_id} --server {self._url}"

    def accepted(self, job_id: str) -> None:
        """There is a job."""
        self.words = f"job {job_id} goes on; see: piecewise status {job_id} --server {self._url}"
        self._unless_own(f"job {job_id}")

    def _unless_own(self, what: str) -> None:
        if self._own:
            self.words = f"{what} ended with the server that this command had started"
