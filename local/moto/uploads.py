"""What S3 checks and tells about unfinished uploads, and moto does not.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from moto.s3.models import FakeKey

from local.moto.arriving import Checksum
from local.moto.http import Reply
from local.moto.models import HeldUpload
from local.moto.refusals import Refused, invalid

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_MOST_PARTS = 1000  # of a page
_HIGHEST_PART = 10_000


def no_such_upload(upload_id: str) -> Refused:
    """Never begun, aborted, or completed."""
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )
    return Refused(404, "NoSuchUpload", message, UploadId=upload_id)


def check_number(text: str) -> None:
    """Raises Refused unless it can be a part's number."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _HIGHEST_PART):
        raise Refused(
            400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber", ArgumentValue=text,
        )  # fmt: skip


def check_part(upload: HeldUpload, checksum: Checksum | None) -> None:
    """Raises Refused for a part whose checksum is not of the kind that its upload announced.

    Where none was announced, what the SDK sends unasked (CRC32) is taken.
    """
    expected = (upload.algorithm or "null").lower()
    actual = checksum.algorithm if checksum else "null"
    if actual != expected and (expected, actual) != ("null", "crc32"):
        raise invalid(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"
        )


def check_completion(upload: HeldUpload, body: bytes) -> None:
    """Raises Refused unless the request repeats the SHA-256 of each part, where the upload announced them.

    Of the other algorithms moto asks for nothing, and neither is asked here.
    """
    if upload.algorithm != "SHA256":
        return
    for part in _asked(body):
        number = int(part.get("PartNumber", "0"))
        claimed = part.get("ChecksumSHA256")
        if claimed is None:
            raise invalid(
                "The upload was created using a sha256 checksum. The complete request must include the checksum for "
                f"each part. It was missing for part {number} in the request."
            )
        if number in upload.parts and upload.parts[number].checksum_value != claimed:
            raise Refused(
                400, "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
                "specified entity tag may not match the part's entity tag.",
            )  # fmt: skip


def list_parts(bucket: str, upload: HeldUpload, query: Mapping[str, str]) -> Reply:
    """A page of the parts that are there, with their checksums."""
    after, most = _number(query, "part-number-marker", 0), min(_number(query, "max-parts", _MOST_PARTS), _MOST_PARTS)
    left = [number for number in sorted(upload.parts) if number > after]
    page = left[:most]
    root = ElementTree.Element("ListPartsResult", xmlns=_NAMESPACE)
    _add(
        root, Bucket=bucket, Key=upload.key_name, UploadId=upload.id, StorageClass=upload.storage or "STANDARD",
        PartNumberMarker=after, NextPartNumberMarker=page[-1] if page else 0, MaxParts=most,
        IsTruncated=str(len(left) > len(page)).lower(),
        ChecksumAlgorithm=upload.algorithm, ChecksumType=upload.metadata.get("x-amz-checksum-type"),
    )  # fmt: skip
    for number in page:
        _add(ElementTree.SubElement(root, "Part"), PartNumber=number, **_about(upload.parts[number]))
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Reply(200, [("content-type", "application/xml"), ("content-length", str(len(body)))], body)


def _about(part: FakeKey) -> dict[str, Any]:
    about = {"LastModified": part.last_modified_ISO8601, "ETag": part.etag, "Size": part.size}
    if part.checksum_algorithm:
        about[f"Checksum{part.checksum_algorithm}"] = part.checksum_value
    return about


def _add(parent: ElementTree.Element, **texts: Any) -> None:
    for name, text in texts.items():
        if text is not None:
            ElementTree.SubElement(parent, name).text = str(text)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Refused(400, "InvalidArgument", f"Provided {name} not an integer or within integer range")
    return int(text)


def _asked(body: bytes) -> list[dict[str, str]]:
    """The parts that a completion names, tag by tag without namespaces."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - on a laptop, from its own client
    except ElementTree.ParseError:
        raise Refused(400, "MalformedXML", "The XML you provided was not well-formed.") from None
    parts = [element for element in root.iter() if element.tag.rpartition("}")[2] == "Part"]
    return [{child.tag.rpartition("}")[2]: (child.text or "").strip() for child in part} for part in parts]
