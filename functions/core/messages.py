"""What travels through the queues: pointers, parsed strictly. Text never does."""

from __future__ import annotations

import hashlib
import json
import string
from typing import Any

from functions.core.errors import MalformedMessage
from functions.core.model import ChunkHint, PlanHint

_KEYS: dict[str, dict[str, type]] = {
    "chunk": {"job_id": str, "chunk_index": int, "claim_no": int},
    "plan": {"job_id": str, "claim_no": int},
    "finalize": {"job_id": str, "run": int},
}
_LARGEST = 2**31 - 1
_GROUP_CHARACTERS = frozenset(string.ascii_letters + string.digits + string.punctuation)
_LONGEST_GROUP = 128


def dump_chunk(hint: ChunkHint) -> str:
    """The body of a chunk message."""
    return json.dumps({"job_id": hint.job_id, "chunk_index": hint.chunk_index, "claim_no": hint.claim_no})


def dump_plan(hint: PlanHint) -> str:
    """The body of a plan message."""
    return json.dumps({"job_id": hint.job_id, "claim_no": hint.claim_no})


def dump_finalize(job_id: str, run: int) -> str:
    """The body of a finalize message."""
    return json.dumps({"job_id": job_id, "run": run})


def group_of(owner: str) -> str:
    """The `MessageGroupId` of an owner's chunk messages: SQS's fair queues keep one owner from delaying the others.

    The owner itself where SQS takes it (1 to 128 letters, digits and punctuation of ASCII: "SendMessage" in the Amazon
    SQS API Reference), else a digest of it, the same in every process.
    """
    if 0 < len(owner) <= _LONGEST_GROUP and _GROUP_CHARACTERS.issuperset(owner):
        return owner
    return "sha256:" + hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()


def parse_chunk(body: str) -> ChunkHint:
    """The pointer in a chunk message. Raises MalformedMessage."""
    return ChunkHint(**_parse(body, "chunk"))


def parse_plan(body: str) -> PlanHint:
    """The pointer in a plan message. Raises MalformedMessage."""
    return PlanHint(**_parse(body, "plan"))


def parse_finalize(body: str) -> tuple[str, int]:
    """(job_id, run) of a finalize message. Raises MalformedMessage."""
    fields = _parse(body, "finalize")
    return fields["job_id"], fields["run"]


def _parse(body: str, kind: str) -> dict[str, Any]:
    """Exactly the keys of the kind, exactly their types, in the range of the columns: checked before any SQL."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):  # "[[[[…" is as deep as a sender likes
        raise MalformedMessage(f"a {kind} message that is not JSON") from None
    keys = _KEYS[kind]
    if not isinstance(fields, dict) or fields.keys() != keys.keys():
        raise MalformedMessage(f"a {kind} message has the keys {', '.join(keys)} and no others")
    for name, kind_of in keys.items():
        value = fields[name]
        if type(value) is not kind_of:
            raise MalformedMessage(f"{name} of a {kind} message must be {kind_of.__name__}")
        if isinstance(value, int) and not 0 <= value <= _LARGEST:
            raise MalformedMessage(f"{name} of a {kind} message is out of range")
        if isinstance(value, str) and not (value.isascii() and value.isalnum() and 0 < len(value) <= 64):
            raise MalformedMessage(f"{name} of a {kind} message is not a job id")
    return fields
