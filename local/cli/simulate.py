"""The repeatable `--simulate KEY=VALUE`."""

from __future__ import annotations

import typer


def parse(pairs: list[str]) -> dict[str, str]:
    """The simulated provider's options by key. Raises typer.BadParameter for a bad form, key or value."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(
                f"{pair!r} is not of the form KEY=VALUE, as in latency=0.5", param_hint="--simulate"
            )
        options[key] = value
    if options:
        _check(options)
    return options


def _check(options: dict[str, str]) -> None:
    from functions.core.errors import Misconfigured
    from functions.core.providers.simulated import SimulateOptions

    try:
        SimulateOptions.parse(options)
    except Misconfigured as error:
        raise typer.BadParameter(str(error), param_hint="--simulate") from None
