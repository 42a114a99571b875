"""Where and how a bench ran: the facts without which its figures mean nothing."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psutil


def facts(arguments: Sequence[str]) -> dict[str, Any]:
    """Date, command line, cores, memory, Python, load, and the names (never the values) of PIECEWISE_ settings."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "command": shlex.join(["piecewise", *arguments]),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": round(psutil.getloadavg()[0], 2),
        "settings": sorted(name for name in os.environ if name.startswith("PIECEWISE_")),
    }


def command_line() -> list[str]:
    """The arguments of this process."""
    return sys.argv[1:]
