"""Arguments and options that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

_ID = re.compile("[0-9A-Za-z]{1,64}")


def _checked(job_id: str) -> str:
    if not _ID.fullmatch(job_id):
        raise typer.BadParameter(f"{job_id!r} is no job's id: 1 to 64 letters and digits")
    return job_id


JobId = Annotated[str, typer.Argument(metavar="JOB_ID", callback=_checked)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's own answer, and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="--no-wait prints the job's id and leaves.")]


def check_waiting(output: Path | None, *, wait: bool) -> None:
    """Raises typer.BadParameter for a result that is to be written, and not waited for."""
    if output is not None and not wait:
        raise typer.BadParameter(
            "there is no result yet to write: fetch it later with `piecewise result JOB_ID -o FILE`",
            param_hint="--output",
        )
