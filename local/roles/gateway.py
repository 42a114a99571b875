"""The HTTP front and the api function, on a socket that the parent listens on already."""

from __future__ import annotations

import os
import socket

from functions.core.wiring import parts
from local.gateway import Gateway, serve
from local.roles.parent import Parent
from local.roles.work import Config, function
from local.templates.laptop import load_template

# Lambda would start one for each request at once; here more than a few would only be in each other's way.
_PROCESSES = 2 * (os.cpu_count() or 1)


def run(parent: Parent, config: Config) -> None:
    """Until SIGTERM. The parent keeps the socket open: when this process dies, requests wait for the next one."""
    deployment = load_template()
    app = Gateway(function(deployment.functions["api"], config, most=_PROCESSES), cors=deployment.cors)
    if parent.go() is None:
        return
    parts().providers.check(parts().settings.default_model)
    serve(
        app, socket.socket(fileno=config.fd), on_ready=lambda _: parent.say(event="ready"), stop=parent.stopping,
        grace=max(1, round(config.grace)),
    )  # fmt: skip
