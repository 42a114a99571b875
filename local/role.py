"""`python -m local.role gateway|worker|control CONFIG`: one process of a stack, started and led by its parent.

Imports first, which takes longest, and waits for the parent's "go"; then works until SIGTERM, or until its stdin
ends because the parent is gone.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys

from local.roles.parent import Parent
from local.roles.work import Config


def main() -> None:
    """Never returns: threads that still run end with the process. Exit status 0 when told to stop."""
    gc.disable()  # while importing, which makes nothing but what stays: a tenth faster
    name, config = sys.argv[1], Config.parse(sys.argv[2])
    parent = Parent.take_over()
    _log_as_lambda_does()
    try:
        importlib.import_module(f"local.roles.{name}").run(parent, config)
        code = 0
    except Exception as error:  # noqa: BLE001 - said to the parent, who restarts us or gives up
        _give_up(name, error, parent)
        code = 1
    logging.shutdown()
    os._exit(code)


def _log_as_lambda_does() -> None:
    """One JSON object a line, also for what does not log through `functions.core.logs`."""
    from functions.core.logs import logger

    logging.getLogger(logger.name).propagate = False
    logging.basicConfig(level=logging.WARNING, handlers=[logger.registered_handler])


def _give_up(name: str, error: Exception, parent: Parent) -> None:
    from functions.core.errors import PiecewiseError
    from functions.core.logs import bug, logger

    words = " ".join(str(error).split()) or type(error).__name__
    logger.error(f"{name} cannot go on", extra={"reason": words} if isinstance(error, PiecewiseError) else bug(error))
    parent.say(failed=words)


if __name__ == "__main__":
    main()
