"""The proof that a document is covered, by a script that knows nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.running import Running, until

SCRIPT = Path(__file__).with_name("tiling.py")


def proof(piecewise: Running, job_id: str, document: Path) -> subprocess.CompletedProcess[str]:
    """What the script says."""
    command = [sys.executable, "-I", str(SCRIPT), piecewise.url, job_id, str(document)]
    direct = {**os.environ, "no_proxy": "*"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=direct)


def test_the_spans_of_a_job_tile_its_document_and_their_digests_are_its_own(piecewise: Running, tmp_path: Path) -> None:
    text = "".join(f"Row {number}: grüße, 😀, e\u0301!\r\n" for number in range(2_500))
    document = tmp_path / "rows.txt"
    document.write_bytes(text.encode())
    job_id = piecewise.submit(text, max_chunk_chars=50)
    total = until(lambda: piecewise.look(job_id)["total_chunks"])  # planned: what has become of it is no matter
    assert total > 1_000  # more than a page
    piecewise.http.post(f"/v1/analyze/{job_id}/cancel")  # its coverage stays, and nobody else has to wait

    assert proof(piecewise, job_id, document).stdout == f"{total} spans tile the document\n"

    document.write_bytes(text.replace("Row 1234:", "Row 4321:").encode())
    assert "AssertionError" in proof(piecewise, job_id, document).stderr
