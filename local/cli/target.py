"""Where a result goes: stdout, or a file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from local.cli.exits import Ending
from local.cli.say import note, out

if TYPE_CHECKING:
    from local.client import Client


def _or_stdout(path: Path | None) -> Path | None:
    return None if path == Path("-") else path


OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", callback=_or_stdout, help="Write the result to FILE; default, and -: stdout."
    ),
]


def check(path: Path | None, *, document: str | None = None) -> None:
    """Raise Ending when nothing can be written there, before anything is paid for.

    Raises typer.BadParameter when it is the file that the `document` (- is stdin) is read from.
    """
    if path is None:
        return
    with _writing(path):
        if path.is_dir():
            raise Ending(f"cannot write {path}: it is a directory")
        if path.exists() and not os.access(path, os.W_OK):
            raise Ending(f"cannot write {path}: you may not write to it")
        folder = Path(os.path.realpath(path)).parent
        if not _is_special(path) and not os.access(folder, os.W_OK):
            raise Ending(f"cannot write {path}: {folder} is not a directory in which you may write")
    if document is not None and _is_read_from(path, document):
        raise typer.BadParameter("this is the document itself: the result would replace it", param_hint="--output")


def deliver(client: Client, job_id: str, path: Path | None, *, ndjson: bool = False) -> None:
    """A job's whole result, streamed. Raises Ending when the file cannot be written."""
    if path is None:
        out(client.result(job_id, ndjson=ndjson))
        return
    with _writing(path), path.open("wb") if _is_special(path) else _whole(Path(os.path.realpath(path))) as file:
        size = client.save(job_id, file, ndjson=ndjson)
    note(f"wrote {size:,} bytes to {path}")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Ending(f"cannot write {path}: {error.strerror or error}") from None


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A draft beside `path`, which takes its place once the block has ended well, and is gone otherwise."""
    draft = path.with_name(f".piecewise-{secrets.token_hex(8)}.part")
    try:
        with draft.open("xb") as file:
            with suppress(FileNotFoundError):  # where nothing is replaced, the umask decides
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            yield file
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    """Whether a pipe or a device is there: one writes to it, nothing can take its place."""
    return path.exists() and not path.is_file()


def _is_read_from(path: Path, document: str) -> bool:
    try:
        return path.is_file() and os.path.samestat(path.stat(), _status(document))
    except OSError:  # no such document, which is said when it is opened
        return False


def _status(document: str) -> os.stat_result:
    return os.fstat(sys.stdin.fileno()) if document == "-" else Path(document).stat()
