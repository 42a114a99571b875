"""A job's results as NDJSON: one JSON object a line, chunk by chunk, each ended by a line feed. Pure.

https://github.com/ndjson/ndjson-spec: UTF-8, `\\n` between the lines and none within one.
"""

from __future__ import annotations

import json

from functions.core.model import ChunkView

CONTENT_TYPE = "application/x-ndjson"

# Line breaks of Unicode that JSON lets stand: many a reader's "split into lines" takes them for ends of lines.
_BREAKS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


def record(chunk: ChunkView) -> bytes:
    """The line of one chunk, with its line feed; `result` and `error` are null where there is none."""
    span, failure = chunk.span, chunk.failure
    line = json.dumps(
        {
            "chunk_index": span.chunk_index,
            "status": chunk.status,
            "char_start": span.char_start,
            "char_end": span.char_end,
            "byte_start": span.byte_start,
            "byte_end": span.byte_end,
            "attempts": chunk.attempts,
            "result": chunk.result,
            "error": {"code": failure.code, "message": failure.message} if failure else None,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return line.translate(_BREAKS).encode() + b"\n"
