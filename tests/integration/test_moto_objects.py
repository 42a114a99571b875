"""S3 objects on disk: there before the answer, there again after a restart."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.moto.server import start_in_thread

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3.client import S3Client

ODD_KEYS = ["plain", "a/b/c", "with space & %2F + ü/日本", "." * 10, "k" * 900, "trailing/", "😀"]
BUCKET = "kept"


@contextmanager
def bucket(session: boto3.Session, state: Path) -> Iterator[S3Client]:
    """A client of a server that has come up on this state directory."""
    with (
        start_in_thread(state_dir=state) as server,
        closing(session.client("s3", endpoint_url=server.endpoint_url)) as client,
    ):
        client.create_bucket(Bucket=BUCKET)
        yield client


def keys(client: S3Client) -> set[str]:
    return {each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_object_is_the_same_after_a_restart(aws_session: boto3.Session, tmp_path: Path, key: str) -> None:
    body = bytes(range(256)) * 8
    with bucket(aws_session, tmp_path) as client:
        client.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/markdown", Metadata={"who": "me"})
        before = client.head_object(Bucket=BUCKET, Key=key)
    with bucket(aws_session, tmp_path) as client:
        after = client.get_object(Bucket=BUCKET, Key=key)
        assert after["Body"].read() == body
        for name in ("ContentType", "ContentLength", "ETag", "LastModified", "Metadata"):
            assert after[name] == before[name]
        part = client.get_object(Bucket=BUCKET, Key=key, Range="bytes=300-309")["Body"].read()
        assert part == body[300:310]


def test_the_last_write_counts_and_what_is_deleted_stays_so(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path) as client:
        for name in ("a", "b", "c", "d"):
            client.put_object(Bucket=BUCKET, Key=name, Body=b"first")
        client.put_object(Bucket=BUCKET, Key="a", Body=b"second")
        client.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a"})
        client.delete_object(Bucket=BUCKET, Key="b")
        client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "c"}]})
    with bucket(aws_session, tmp_path) as client:
        assert keys(client) == {"a", "d", "copy"}
        assert client.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == b"second"
        client.delete_object(Bucket=BUCKET, Key="a")
    with bucket(aws_session, tmp_path) as client:
        assert keys(client) == {"d", "copy"}


def test_what_was_cut_short_is_cleared_away(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path) as client:
        client.put_object(Bucket=BUCKET, Key="a", Body=b"whole")
    folder = tmp_path / "objects" / BUCKET
    kept = {path.name for path in folder.iterdir()}
    for name in ("0.data", "0.object.draft", "0.1.part", "0.1.part.draft"):
        (folder / name).write_bytes(b"{")
    with bucket(aws_session, tmp_path) as client:
        assert keys(client) == {"a"}
    assert {path.name for path in folder.iterdir()} == kept


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"key": "b", "versions": [{}]}', b"not JSON\n", b"[]"])
@pytest.mark.parametrize("suffix", [".object", ".upload", ""])
def test_a_damaged_record_does_not_stop_the_others(
    aws_session: boto3.Session, tmp_path: Path, damage: bytes, suffix: str
) -> None:
    with bucket(aws_session, tmp_path) as client:
        client.put_object(Bucket=BUCKET, Key="a", Body=b"whole")
    (tmp_path / "objects" / BUCKET / f"0{suffix}").write_bytes(damage)
    with bucket(aws_session, tmp_path) as client:
        assert keys(client) == {"a"}
        assert client.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"whole"


def test_an_object_whose_bytes_were_lost_is_left_out(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path) as client:
        client.put_object(Bucket=BUCKET, Key="a", Body=b"whole")
    (data,) = (tmp_path / "objects" / BUCKET).glob("*.data")
    data.write_bytes(b"who")
    with bucket(aws_session, tmp_path) as client:
        assert keys(client) == set()


@pytest.mark.parametrize("times", [1, 2])
def test_an_object_of_the_former_form_is_kept(aws_session: boto3.Session, tmp_path: Path, times: int) -> None:
    about = {
        "key": "documents/1", "size": 8, "modified": "2026-01-01T00:00:00",
        "metadata": {"Content-Type": "text/x"}, "kept": {"_etag": "e", "_storage_class": "STANDARD"},
    }  # fmt: skip
    folder = tmp_path / "objects" / BUCKET
    folder.mkdir(parents=True)
    old = folder / hashlib.sha256(b"documents/1").hexdigest()
    old.write_bytes(json.dumps(about).encode() + b"\nits text")
    for _ in range(times):
        with bucket(aws_session, tmp_path) as client:
            found = client.get_object(Bucket=BUCKET, Key="documents/1", Range="bytes=1-3")
            assert (found["Body"].read(), found["ETag"], found["ContentType"]) == (b"ts ", '"e"', "text/x")
    with bucket(aws_session, tmp_path) as client:
        client.delete_object(Bucket=BUCKET, Key="documents/1")
        assert list(folder.iterdir()) == []


def test_tags_and_versions_are_the_same_after_a_restart(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path) as client:
        client.put_object(Bucket=BUCKET, Key="a", Body=b"tagged", Tagging="one=1&two=2")
        client.put_object(Bucket=BUCKET, Key="b", Body=b"not any more", Tagging="one=1")
        client.delete_object_tagging(Bucket=BUCKET, Key="b")
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        versions = {
            client.put_object(Bucket=BUCKET, Key="c", Body=body)["VersionId"]: body for body in (b"first", b"second")
        }
    with bucket(aws_session, tmp_path) as client:
        assert client.get_object_tagging(Bucket=BUCKET, Key="a")["TagSet"] == [
            {"Key": "one", "Value": "1"},
            {"Key": "two", "Value": "2"},
        ]
        assert client.get_object_tagging(Bucket=BUCKET, Key="b")["TagSet"] == []
        assert client.get_object(Bucket=BUCKET, Key="c")["Body"].read() == b"second"
        for version, body in versions.items():
            assert client.get_object(Bucket=BUCKET, Key="c", VersionId=version)["Body"].read() == body


def test_what_nobody_can_read_any_more_takes_no_space(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path) as client:
        for body in (b"first", b"second"):
            client.put_object(Bucket=BUCKET, Key="a", Body=body)
        client.copy_object(Bucket=BUCKET, Key="b", CopySource={"Bucket": BUCKET, "Key": "a"})
        client.delete_object(Bucket=BUCKET, Key="a")
        (left,) = (tmp_path / "objects" / BUCKET).glob("*.data")
        assert left.read_bytes() == b"second"
        assert client.get_object(Bucket=BUCKET, Key="b")["Body"].read() == b"second"


def test_objects_without_a_state_directory_go_with_their_server(aws_session: boto3.Session) -> None:
    with start_in_thread() as server, closing(aws_session.client("s3", endpoint_url=server.endpoint_url)) as client:
        folder = server.objects
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="a", Body=b"here")
        assert len(list(folder.glob("*/*.data"))) == 1
    assert not folder.exists()


def test_servers_of_one_process_do_not_see_each_other(aws_session: boto3.Session, tmp_path: Path) -> None:
    with bucket(aws_session, tmp_path / "one") as one, bucket(aws_session, tmp_path / "two") as two:
        one.put_object(Bucket=BUCKET, Key="a", Body=b"one")
        with pytest.raises(ClientError, match="NoSuchKey"):
            two.get_object(Bucket=BUCKET, Key="a", Range="bytes=0-1")


def start(state: Path, port: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.moto", "--port", str(port), "--state-dir", str(state)]
    root = Path(__file__).parent.parent.parent
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def client_of(session: boto3.Session, process: subprocess.Popen[str]) -> closing[S3Client]:
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    assert said["endpoint_url"] == f"http://127.0.0.1:{said['port']}"
    return closing(session.client("s3", endpoint_url=said["endpoint_url"]))


def test_a_killed_process_has_kept_what_it_answered_for(aws_session: boto3.Session, tmp_path: Path) -> None:
    with start(tmp_path) as first, client_of(aws_session, first) as client:
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="a", Body=b"answered")
        first.kill()
    with start(tmp_path) as second, client_of(aws_session, second) as client:
        assert client.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"answered"
        second.terminate()
        assert second.wait(10) == 0


def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, start(tmp_path, taken.getsockname()[1]) as process:
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error.splitlines() == ["moto cannot start: [Errno 98] Address already in use"]
