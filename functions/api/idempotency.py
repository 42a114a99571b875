"""The `Idempotency-Key` header: a request that is sent again makes no second job.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07: an Item whose value is a String of
RFC 8941. We take the bare form that most clients send too: without quotes, and then without `"`, `,`, `;` or `\\`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from functions.api.requests import Options
from functions.core.errors import Rejected
from functions.core.model import Earlier, Idempotency, JobView
from functions.core.store_port import Store
from functions.core.uploads import DocumentView

HEADER = "Idempotency-Key"
_LONGEST = 255
_QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--:<-\[\]-~]+")
PATTERN = rf'^("([!#-\[\]-~]|\\["\\]){{1,{_LONGEST}}}"|[!#-+\--:<-\[\]-~]{{1,{_LONGEST}}})$'
"""Both forms as JSON Schema says it."""


def key_of(headers: Mapping[str, str]) -> str | None:
    """The request's key; None without the header. `headers` by lower-case name. Raises Rejected (400)."""
    given = headers.get(HEADER.lower())
    return None if given is None else _key(given.strip(" \t"))


def fingerprint(options: Options, document: bytes | DocumentView) -> str:
    """SHA-256 over the options that were given and the document: its bytes, or how its upload was announced; in hex.

    Not the upload's id: a client that sends a file again uploads it again. Options at their defaults count as left
    out, so that an option which comes later changes no earlier digest.
    """
    given = options.model_dump(exclude_defaults=True, exclude={"raw_text", "document_id"})
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
    if isinstance(document, bytes):
        digest.update(b"\0text\0")
        digest.update(document)
    else:
        digest.update(b"\0upload\0" + json.dumps(_announced(document)).encode())
    return digest.hexdigest()


async def job_before(store: Store, owner: str, asked: Idempotency, earlier: Earlier) -> JobView:
    """The job that the key has made, as it is now.

    Raises Rejected: 422 when the key came with another request, 409 when its job has been deleted.
    """
    if earlier.fingerprint != asked.fingerprint:
        raise Rejected(
            422,
            "idempotency-key-reused",
            f"This {HEADER} came with another document or other options before. Take a new key for a new request.",
        )
    job = await store.job(earlier.job_id, owner)
    if job is None:
        raise Rejected(
            409,
            "idempotency-key-spent",
            f"The job that this {HEADER} made has been deleted. Take a new key to analyse the document again.",
        )
    return job


def _announced(document: DocumentView) -> list[object]:
    """The content type too: under another charset the same bytes are another text."""
    parts = [[part.size, part.sha256] for part in document.parts]
    return [document.content_type, document.size, document.sha256, parts]


def _key(given: str) -> str:
    quoted = _QUOTED.fullmatch(given)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given
    if (quoted or _BARE.fullmatch(given)) and 0 < len(key) <= _LONGEST:
        return key
    message = f'must be 1 to {_LONGEST} visible ASCII characters, like {HEADER}: "8e03978e-40d5-43e8-bc93-6894a57f9324"'
    raise Rejected(
        400,
        "invalid-idempotency-key",
        f"The header {HEADER} {message}.",
        errors=[{"field": HEADER, "message": message}],
    )
