"""The files of a bucket's folder: records of JSON, the bytes that they name, and nothing else. Nothing of moto."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

OBJECT, UPLOAD, PART = ".object", ".upload", ".part"
_DATA, _DRAFT = ".data", ".draft"

Record = dict[str, Any]


def place(folder: Path, bucket: str) -> Path:
    """Where a bucket's files lie."""
    return folder / quote(bucket, safe="")


def new_file(folder: Path, bucket: str) -> Path:
    """A path that nobody has, in the folder of the bucket; until a record names it, a restart clears it away."""
    place(folder, bucket).mkdir(parents=True, exist_ok=True)
    return place(folder, bucket) / f"{uuid.uuid4().hex}{_DATA}"


def digest(key: str) -> str:
    """A key may be 1,024 bytes of anything; a file name may not."""
    return hashlib.sha256(key.encode()).hexdigest()


def write(path: Path, record: Record) -> None:
    """Whole or not at all."""
    draft = path.with_name(path.name + _DRAFT)
    draft.write_text(json.dumps(record))
    draft.replace(path)


def replace(path: Path, record: Record | None) -> None:
    """Write the record, or take it away; then the files that only the former one named."""
    before = set(names(path))
    if record is None:
        path.unlink(missing_ok=True)
    else:
        write(path, record)
    for name in before.difference(names(path)):
        path.with_name(name).unlink(missing_ok=True)


def forget_upload(path: Path) -> None:
    """Its record first: parts without one are cleared away on start, should this be cut short."""
    made = path.with_name(digest(json.loads(path.read_bytes())["key"]) + OBJECT)
    used = set(names(made))
    path.unlink()
    for record in parts(path):
        for name in set(names(record)) - used:
            record.with_name(name).unlink(missing_ok=True)
        record.unlink()


def names(path: Path) -> Iterable[str]:
    """The files of bytes that a record names; of one that is not there or not readable: none."""
    try:
        about = json.loads(path.read_bytes())
        return [piece[0] for each in about.get("versions", [about]) for piece in each["pieces"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def parts(upload: Path) -> list[Path]:
    """The records of an upload's parts."""
    return sorted(upload.parent.glob(f"{upload.stem}.*{PART}"))


def names_of_parts(upload: Path) -> set[str]:
    """The files of bytes of all of them."""
    return {name for record in parts(upload) for name in names(record)}


def adopt(old: Path) -> None:
    """Write a record for a file of the form before: a line of JSON, then the bytes. Raises ValueError if not whole."""
    with old.open("rb") as file:
        head = file.readline()
    about = json.loads(head)
    if old.stat().st_size != len(head) + about["size"]:
        raise ValueError("its length is not what it says")
    version = {name: about[name] for name in ("modified", "metadata", "kept")}
    version["kept"]["_version_id"] = "null"
    record = old.with_name(digest(about["key"]) + OBJECT)
    if not record.exists():
        write(
            record, {"key": about["key"], "versions": [{**version, "pieces": [(old.name, len(head), about["size"])]}]}
        )


def sweep(folder: Path, used: set[str]) -> None:
    """Clear away what no object and no upload needs."""
    uploads = {path.stem for path in folder.glob("*" + UPLOAD)}
    for record in folder.glob("*" + PART):
        if record.name.split(".")[0] not in uploads:
            record.unlink()
    used = used | {name for record in folder.glob("*" + PART) for name in names(record)}
    for path in folder.iterdir():
        if path.suffix == _DRAFT or (path.suffix == _DATA and path.name not in used):
            path.unlink()
