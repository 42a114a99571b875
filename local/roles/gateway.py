"""The HTTP front and the api function, on a socket that the parent listens on already."""

from __future__ import annotations

import socket

from functions.core.wiring import parts
from local.gateway import Gateway, serve
from local.roles.parent import Parent
from local.roles.work import Config, function
from local.template import load_template


def run(parent: Parent, config: Config) -> None:
    """Until SIGTERM. The parent keeps the socket open: when this process dies, requests wait for the next one."""
    app = Gateway(function(load_template().functions["api"]))
    if parent.go() is None:
        return
    parts().providers.check(parts().settings.default_model)
    serve(
        app, socket.socket(fileno=config.fd), on_ready=lambda _: parent.say(event="ready"), stop=parent.stopping,
        grace=max(1, round(config.grace)),
    )  # fmt: skip
