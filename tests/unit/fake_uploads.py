"""The uploads of a FakeServer: the service's two calls, and a bucket that checks what S3 checks."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter, deque
from functools import partial
from typing import Any

from tests.unit.fake_server import Answer, Asked, FakeServer

DOCUMENT_ID = "01kd0000000000000000000000abcd"
EXPIRES_AT = "2026-11-23T06:00:00.000Z"


class FakeUploads:
    """One upload. `faults` befall the next PUTs: expired, full, or lost (it is stored, but not answered)."""

    def __init__(self, server: FakeServer) -> None:
        self.faults: deque[str] = deque()
        self.parts: dict[int, bytes] = {}
        self.tries: Counter[int] = Counter()
        self.announced: dict[str, Any] = {}
        self.status = "waiting"
        self._server = server
        self._lock = threading.Lock()
        self._generation = 0
        server.on("POST", "/v1/documents", self._announce)
        server.on("GET", f"/v1/documents/{DOCUMENT_ID}", self._show)

    @property
    def data(self) -> bytes:
        """All that arrived."""
        return b"".join(data for _, data in sorted(self.parts.items()))

    def _sizes(self) -> dict[int, dict[str, Any]]:
        return dict(enumerate(self.announced.get("parts") or [self.announced], 1))

    def _announce(self, asked: Asked) -> Answer:
        self.announced = json.loads(asked.body)
        for number in self._sizes():
            self._server.on("PUT", f"/bucket/{number}", partial(self._put, number))
        return Answer(self._body(), 201)

    def _show(self, _: Asked) -> Answer:
        return Answer(self._body())

    def _body(self) -> dict[str, Any]:
        self._generation += 1  # what was signed before is good no more
        missing = [number for number in self._sizes() if number not in self.parts]
        if not missing and self.status == "waiting":
            self.status = "uploaded"
        puts = [{"part_number": number, **self._signed(number)} for number in missing]
        several = "parts" in self.announced
        return {
            "document_id": DOCUMENT_ID, "status": self.status, "content_type": self.announced["content_type"],
            "bytes": sum(part["bytes"] for part in self._sizes().values()), "expires_at": EXPIRES_AT,
            "upload": {"expires_at": EXPIRES_AT, **({"parts": puts} if several else puts[0])}
            if self.status == "waiting" else None,
        }  # fmt: skip

    def _signed(self, number: int) -> dict[str, Any]:
        announced = self._sizes()[number]
        digest = base64.b64encode(bytes.fromhex(announced["sha256"])).decode()
        headers = {"content-length": str(announced["bytes"]), "x-amz-checksum-sha256": digest}
        if "parts" not in self.announced:
            headers["if-none-match"] = "*"
        return {"method": "PUT", "url": f"{self._server.url}/bucket/{number}?g={self._generation}", "headers": headers}

    def _put(self, number: int, asked: Asked) -> Answer:
        with self._lock:
            self.tries[number] += 1
            fault = self.faults.popleft() if self.faults else None
            headers = {name.lower(): value for name, value in asked.headers.items()}
            if fault == "expired" or asked.query != f"g={self._generation}":
                return _no(403, "AccessDenied", "Request has expired")
            if fault == "full":
                return _no(503, "SlowDown", "Please reduce your request rate.")
            digest = base64.b64encode(hashlib.sha256(asked.body).digest()).decode()
            if headers["x-amz-checksum-sha256"] != digest:
                return _no(400, "BadDigest", "The checksum did not match.")
            if number in self.parts and headers.get("if-none-match") == "*":
                return _no(412, "PreconditionFailed", "It is there already.")
            self.parts[number] = asked.body
            return Answer(b"", hang_up=fault == "lost")


def _no(status: int, code: str, message: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(body.encode(), status, {"Content-Type": "application/xml"})
