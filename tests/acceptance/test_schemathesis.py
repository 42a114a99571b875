"""Whatever is asked, a running Piecewise answers as its OpenAPI description says, and never with a 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.running import Running

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
_RUN = (sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()")


def test_every_answer_is_as_described(piecewise: Running, tmp_path: Path) -> None:
    """All checks of Schemathesis: examples, the edges of every schema, made-up requests, and chains of them."""
    done = subprocess.run(
        [*_RUN, "--config-file", CONFIG, "run", f"{piecewise.url}/openapi.json", "--checks", "all", "--no-color"],
        cwd=tmp_path,  # it leaves a cache where it runs
        env={**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    assert "Coverage" in done.stdout
    assert "Stateful" in done.stdout
