"""`piecewise retry`, `cancel` and `delete`: what may be done with a job that is there."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from local.cli import follow, report, servers, target
from local.cli.arguments import AsJson, JobId, Wait, check_waiting
from local.cli.say import note, out


def retry(
    job_id: JobId,
    server: servers.ServerOption = None,
    output: target.OutputOption = None,
    as_json: AsJson = False,
    wait: Wait = True,
) -> None:
    """Run the failed chunks of a job again, then print the whole result anew.

    Only for a job that ended PARTIAL_SUCCESS or FAILED; results that are there are not paid for again. Exit status as
    `analyze` has it.
    """
    check_waiting(output, wait=wait)
    target.check(output)
    with servers.client(server) as client:
        fate = follow.Fate(client.server)
        with follow.interrupted(fate):
            fate.retrying(job_id)
            answer = client.retry(job_id)
            fate.accepted(job_id)
            if not wait:
                out([json.dumps(answer) if as_json else job_id])
                return
            seen = follow.to_the_end(client, job_id)
            code = follow.outcome(client, seen, as_json=as_json, output=output)
    raise typer.Exit(code)


def cancel(
    job_id: JobId,
    server: servers.ServerOption = None,
    as_json: AsJson = False,
) -> None:
    """Stop a job: no chunk of it is begun any more. Exit status: 0 when it is stopped, 1 when it had ended already."""
    with servers.client(server) as client:
        job = client.cancel(job_id)
        out([json.dumps(job)] if as_json else report.summary(job, client.server))


def delete(
    job_id: JobId,
    server: servers.ServerOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a job in any state: its chunks, its result, and its document unless other jobs have it."""
    if not yes:
        _ask(job_id)
    with servers.client(server) as client:
        client.delete(job_id)
    note(f"job {job_id} is deleted")


def _ask(job_id: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes", param_hint="--yes")
    if not typer.confirm(f"Delete job {job_id}, its result and its document for good?", err=True):
        raise typer.Exit(1)
