"""`piecewise sam-local`: the api in a container by `sam local start-api`, all else beside it, until told to stop."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from local.cli.exits import Ending
from local.cli.say import note, out
from local.cli.signals import Stopped, stoppable
from local.options import DEFAULT_CONCURRENCY, Options

DEFAULT_PORT = 3001

_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def sam_local(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where sam is to listen.")] = DEFAULT_PORT,
    model: Annotated[
        str | None, typer.Option(help="The model of jobs that name none: local, simulated, openai:NAME, …")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="Chunks in work at once.")] = DEFAULT_CONCURRENCY,
) -> None:
    """Run the api in a container as Lambda would, by SAM, with all else on this machine. Needs Docker and sam."""
    from local.sam.stack import SamLocal
    from local.stack import StackError

    options = Options(port=port, model=model, concurrency=concurrency)
    stack = SamLocal(options, say=_say)
    with stoppable(hurry=stack.kill):
        try:
            with stack:
                note(f"state and logs in {stack.state_path} (temporary: removed at the end); Ctrl-C stops")
                out([f"Piecewise is ready: {stack.url}\n"])
                stack.wait()
        except Stopped:
            note("stopped")
        except StackError as error:
            raise Ending(str(error)) from None


def _say(line: str) -> None:
    text = _COLOUR.sub("", line).strip()
    if text:
        note(text)
