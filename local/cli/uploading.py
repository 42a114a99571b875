"""A file on its way to the service, with a bar on a terminal and a few plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.cli.exits import Ending
from local.cli.follow import Fate
from local.cli.say import note
from local.cli.source import Given

if TYPE_CHECKING:
    from local.client import Client, Progress, Sent


def upload(client: Client, given: Given, fate: Fate) -> str:
    """Upload it all; its document_id. Raises Ending when the file cannot be read to its end."""
    from local.client import SourceChanged

    with _bar() as show:

        def progress(sent: Sent) -> None:
            fate.uploading(sent.document_id, sent.expires_at)
            show(sent)

        try:
            document = client.upload(given.file, content_type=given.content_type, progress=progress)
        except SourceChanged as error:
            raise Ending(f"{given.shown}: {error}") from None
        except OSError as error:
            raise Ending(f"cannot read {given.shown}: {error.strerror or error}") from None
    return document["document_id"]


@contextmanager
def _bar() -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield _Plain().show
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(bar_width=30), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("reading", total=None)

        def show(sent: Sent) -> None:
            display.update(task, description="uploading", total=sent.total, completed=sent.sent)

        yield show


class _Plain:
    """A line at each quarter of the way."""

    def __init__(self) -> None:
        self._said = -1

    def show(self, sent: Sent) -> None:
        from rich.filesize import decimal

        quarter = 4 * sent.sent // sent.total if sent.total else 0
        if quarter > self._said:
            self._said = quarter
            note(f"uploaded {decimal(sent.sent)} of {decimal(sent.total)}")
