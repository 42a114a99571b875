"""Presigned URLs are checked as S3 checks them; moto takes anything.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from local.moto.http import Request
from local.moto.refusals import Refused, denied, invalid

SecretOf = Callable[[str], str | None]
"""The secret of an access key; None where nobody here can know it: then signatures cannot be checked, all else is."""

_NAMES = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
_ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"
_LONGEST = 604_800  # seconds: a week
_SKEW = timedelta(minutes=15)
_CREDENTIAL = re.compile(r"([^/]+)/(\d{8}/[^/]+/s3/aws4_request)")


def check(request: Request, secret_of: SecretOf, now: datetime) -> bool:
    """Whether the request came by a presigned URL. Raises Refused unless its signature holds now, for all it covers."""
    query = dict(pairs := parse_qsl(request.query, keep_blank_values=True))
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise invalid(f"The authorization mechanism you have provided is not supported. Please use {_ALGORITHM}.")
    if "X-Amz-Signature" not in query or request.method == "OPTIONS":
        return False
    credential = _check_parameters(query)
    _check_time(query, now)
    signed = query["X-Amz-SignedHeaders"].split(";")
    _check_coverage(request.headers, signed)
    secret = secret_of(credential[1])
    wanted = _signature(request, pairs, signed, credential[2], secret) if secret is not None else None
    if wanted is not None and not hmac.compare_digest(wanted.encode(), query["X-Amz-Signature"].encode()):
        raise Refused(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )
    return True


def _check_parameters(query: Mapping[str, str]) -> re.Match[str]:
    """The credential: access key, scope."""
    missing = [name for name in _NAMES if not query.get(name)]
    if missing:
        raise _malformed(f"Query-string authentication version 4 requires the {', '.join(missing)} parameters.")
    if query["X-Amz-Algorithm"] != _ALGORITHM:
        raise _malformed(f'X-Amz-Algorithm only supports "{_ALGORITHM}"')
    if not re.fullmatch(r"\d{1,7}", query["X-Amz-Expires"]) or int(query["X-Amz-Expires"]) > _LONGEST:
        raise _malformed("X-Amz-Expires must be a number of seconds, non-negative and at most a week (604800)")
    credential = _CREDENTIAL.fullmatch(query["X-Amz-Credential"])
    if credential is None or not query["X-Amz-Date"].startswith(credential[2][:8]):
        raise _malformed("Error parsing the X-Amz-Credential parameter")
    return credential


def _check_time(query: Mapping[str, str], now: datetime) -> None:
    try:
        begin = datetime.strptime(query["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
    except ValueError:
        raise _malformed(f"X-Amz-Date must be in the ISO8601 Long Format: {_DATE}") from None
    end = begin + timedelta(seconds=int(query["X-Amz-Expires"]))
    if begin - _SKEW > now:
        raise denied("Request is not valid yet")
    if end <= now:
        raise denied("Request has expired", Expires=f"{end:%Y-%m-%dT%H:%M:%SZ}", ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}")


def _check_coverage(headers: Mapping[str, str], signed: list[str]) -> None:
    """Whoever holds the URL may not add what S3 acts upon."""
    open_ones = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if open_ones or "host" not in signed:
        names = ", ".join(open_ones) or "host"
        raise denied("There were headers present in the request which were not signed", HeadersNotSigned=names)


def _signature(request: Request, pairs: list[tuple[str, str]], signed: list[str], scope: str, secret: str) -> str:
    query = sorted((_quoted(name), _quoted(value)) for name, value in pairs if name != "X-Amz-Signature")
    canonical = "\n".join(
        [
            request.method,
            quote(unquote_to_bytes(request.raw_path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed),
            "",
            ";".join(signed),
            request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    date = dict(pairs)["X-Amz-Date"]
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    return _hmac(key, f"{_ALGORITHM}\n{date}\n{scope}\n{digest}").hex()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _malformed(message: str) -> Refused:
    return Refused(400, "AuthorizationQueryParametersError", message)
