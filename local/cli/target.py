"""Where a result goes: stdout, or a file that is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from local.cli.exits import Ending
from local.cli.say import note, out

if TYPE_CHECKING:
    from local.client import Client

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result to FILE; default: stdout.")
]


def check(path: Path | None) -> None:
    """Raise Ending when nothing can be written there, before anything is paid for."""
    if path is None:
        return
    if path.is_dir():
        raise Ending(f"cannot write {path}: it is a directory")
    if not os.access(path.parent, os.W_OK):
        raise Ending(f"cannot write {path}: {path.parent} is not a directory in which you may write")


def deliver(client: Client, job_id: str, path: Path | None, *, ndjson: bool = False) -> None:
    """A job's whole result, streamed. Raises Ending when the file cannot be written."""
    if path is None:
        out(client.result(job_id, ndjson=ndjson))
        return
    with _whole(path) as file:
        size = client.save(job_id, file, ndjson=ndjson)
    note(f"wrote {size:,} bytes to {path}")


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """`path`.part, which takes the place of `path` once the block has ended well, and is gone otherwise."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise Ending(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
