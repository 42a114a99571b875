"""`piecewise status`: where a job stands."""

from __future__ import annotations

from typing import Annotated

import typer

from local.cli import follow, report, servers
from local.cli.arguments import AsJson, JobId
from local.cli.exits import OF_STATUS
from local.cli.say import out


def status(
    job_id: JobId,
    server: servers.ServerOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the job has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a job's state.

    Exit status as `analyze` has it for a job that has ended; 0 for one that runs.
    """
    with servers.client(server) as client:
        seen = follow.to_the_end(client, job_id) if watch else client.look(job_id)
        out([seen.body] if as_json else report.summary(seen.job, client.server))
        if seen.ended and not as_json:
            report.ending(seen.job)
        raise typer.Exit(OF_STATUS.get(seen.job["status"], 0))
