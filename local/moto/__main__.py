"""`python -m local.moto --port N --state-dir DIR`: runs until its stdin ends (its parent is gone) or SIGTERM.

Says where it listens in one line of JSON on stdout: `{"port": 41234, "endpoint_url": "http://127.0.0.1:41234"}`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from local.moto.server import HOST, start_for_laptop


def main() -> None:
    """Exit status 0 when told to stop, 1 with one line on stderr when the port or the directory cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m local.moto")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state-dir", type=Path, default=None)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our stdin
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # nothing to save: what was answered is on disk
    try:
        server = start_for_laptop(options.port, options.state_dir, host=options.host)
    except OSError as error:
        sys.exit(f"moto cannot start: {error}")
    print(json.dumps({"port": server.port, "endpoint_url": server.endpoint_url}), flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
