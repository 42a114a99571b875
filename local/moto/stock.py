"""moto as it is: its own WSGI application for one service, called without a server."""

from __future__ import annotations

import io
import sys
from typing import Any, Literal

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import run_wsgi_app

from local.moto.http import Reply, Request


class Stock:
    """Answers any request of a service the way moto does, in moto's account `account`.

    moto's server looks through the URL patterns of some 200 services for every request, one of them at a time;
    here the front has already decided which service is meant. Any account but moto's default will do, which must stay
    as it is for moto to find its own URL patterns.
    """

    def __init__(self, service: Literal["s3", "sqs"], account: str) -> None:
        self._app = create_backend_app(service)
        self._app.debug = False
        self._account = account

    def __call__(self, request: Request) -> Reply:
        """Blocks; S3 may be called from several threads at once."""
        chunks, status, headers = run_wsgi_app(self._app.wsgi_app, self._environ(request), buffered=True)
        return Reply(int(status.split(" ", 1)[0]), list(headers.items()), b"".join(chunks))

    def _environ(self, request: Request) -> dict[str, Any]:
        """The WSGI environment (PEP 3333); moto reads RAW_URI for keys with percent-encoded characters."""
        host, _, port = request.headers.get("host", "127.0.0.1").partition(":")
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": request.path.encode("utf-8").decode("latin-1"),
            "QUERY_STRING": request.query,
            "RAW_URI": f"{request.raw_path}?{request.query}" if request.query else request.raw_path,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.input_terminated": True,  # the body is all there: werkzeug need not count it off in 64 KB pieces
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            if "_" not in name:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
        environ["CONTENT_LENGTH"] = str(len(request.body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._account
        return environ
