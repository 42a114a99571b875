"""What S3 says when it refuses, for what moto never checks. The codes are S3's own.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from local.moto.http import Reply


class Refused(Exception):
    """The request is answered with an error; nothing has been stored."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        """`more`: further elements of the error."""
        super().__init__(message)
        self._status = status
        self._elements = {"Code": code, "Message": message, **more}

    def reply(self) -> Reply:
        """As S3 writes it."""
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in self._elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
        return Reply(self._status, [("content-type", "application/xml"), ("content-length", str(len(body)))], body)


def bad_digest(algorithm: str) -> Refused:
    """The bytes are not those whose checksum was sent."""
    return Refused(400, "BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def denied(message: str, **more: str) -> Refused:
    """Whoever asks may not."""
    return Refused(403, "AccessDenied", message, **more)


def invalid(message: str) -> Refused:
    """What S3 calls InvalidRequest."""
    return Refused(400, "InvalidRequest", message)


def incomplete() -> Refused:
    """The body ended early, or went on."""
    return Refused(400, "IncompleteBody", "You did not provide the number of bytes specified by the request's headers.")


def idle() -> Refused:
    """The body came to a standstill."""
    message = (
        "Your socket connection to the server was not read from or written to within the timeout period. "
        "Idle connections will be closed."
    )
    return Refused(400, "RequestTimeout", message)
