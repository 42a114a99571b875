"""Proves from a job's coverage that its chunks tile the document: nothing is missing, nothing stands twice.

python tiling.py URL JOB_ID FILE (the document in UTF-8, without a byte order mark). Only Python's own library.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen


def prove(url: str, job_id: str, document: bytes) -> int:
    """How many spans there are. Raises AssertionError at the first that is not what it should be."""
    index = char = byte = 0
    after: str | None = ""
    while after is not None:
        page_url = f"{url}/v1/analyze/{job_id}/coverage?limit=1000{after and '&after=' + after}"
        with urlopen(page_url, timeout=60) as answer:
            page: dict[str, Any] = json.load(answer)
        for span in page["items"]:
            assert (span["chunk_index"], span["char_start"], span["byte_start"]) == (index, char, byte), span
            text = document[byte : span["byte_end"]]
            assert hashlib.sha256(text).hexdigest() == span["sha256"], span
            index, char, byte = index + 1, char + len(text.decode()), byte + len(text)
            assert (span["char_end"], span["byte_end"]) == (char, byte), span
        after = page["next_cursor"]
    assert (page["total_chunks"], page["document_chars"], page["document_bytes"]) == (index, char, byte), page
    assert byte == len(document)
    return index


if __name__ == "__main__":
    print(prove(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()), "spans tile the document")
