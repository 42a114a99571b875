"""What the bucket does by itself: what it lets go, and what it lets pages do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functions.core import keys
from functions.core.documents.uploads import UNCLAIMED
from functions.core.settings import Settings
from tests.infra.code import Place, literals
from tests.infra.expressions import walk
from tests.infra.world import World

_DAY = 86_400
_BY_ITSELF = {"content-length"}  # a browser sends it, and a page may not


def lifecycle(world: World) -> Iterator[str]:
    """What nobody came back for goes, and nothing that may still be waited for."""
    waits = float(Settings.model_fields["upload_life"].default)
    for logical_id, bucket in world.root.of_type("AWS::S3::Bucket").items():
        rules = [part for part in walk(bucket.get("LifecycleConfiguration")) if _is_rule(part)]
        multipart = [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules
                     if "AbortIncompleteMultipartUpload" in rule]  # fmt: skip
        unclaimed = [rule for rule in rules if _tags(rule) == [UNCLAIMED]]
        earlier = [rule for rule in rules if "NoncurrentVersionExpiration" in rule]
        if not multipart or min(multipart) * _DAY <= waits:
            yield f"{logical_id} keeps unfinished multipart uploads for {multipart} days, and one may wait {waits:g} s"
        if not any(rule["ExpirationInDays"] * _DAY > waits for rule in unclaimed):
            yield f"{logical_id} has no rule for objects tagged {UNCLAIMED} that leaves them {waits:g} s"
        if any(rule.get("Prefix") != keys.upload_key("") for rule in unclaimed):
            yield f"{logical_id}: the rule for {UNCLAIMED} is not for {keys.upload_key('')}"
        if any("ExpirationInDays" in rule and rule not in unclaimed for rule in rules):
            yield f"{logical_id} lets objects go that a job may still need"
        if not earlier:
            yield f"{logical_id} would keep earlier versions of what was deleted"


def pages(world: World) -> Iterator[str]:
    """A page may send the upload that it was offered, see its tag, and follow a link to a result."""
    signed = _signed_headers(world) - _BY_ITSELF
    for logical_id, bucket in world.root.of_type("AWS::S3::Bucket").items():
        rules = [
            part
            for part in walk(bucket.get("CorsConfiguration"))
            if isinstance(part, Mapping) and "AllowedMethods" in part
        ]
        puts = [rule for rule in rules if "PUT" in rule["AllowedMethods"]]
        if not puts:
            yield f"{logical_id} lets no page upload"
        for rule in puts:
            for header in sorted(signed - {name.lower() for name in rule.get("AllowedHeaders", ())}):
                yield f"{logical_id} lets no page send {header}, which an upload's signature names"
            if rule["AllowedOrigins"] == ["*"]:
                yield f"{logical_id} lets pages of every origin upload"
        if not any(
            {"GET", "HEAD"} <= set(rule["AllowedMethods"]) and rule["AllowedOrigins"] == ["*"] for rule in rules
        ):
            yield f"{logical_id} lets no page follow a link to a result"  # the origin of a redirect is null
        for rule in rules:
            if "etag" not in {name.lower() for name in rule.get("ExposedHeaders", ())}:
                yield f"{logical_id} shows pages no ETag at {', '.join(rule['AllowedMethods'])}"


def _signed_headers(world: World) -> set[str]:
    """The headers that an offer names: the values beside boto3's names."""
    table = world.code.nodes(Place("functions.core.documents.uploads", "_HEADERS"))
    return {text for text in literals(table) if text == text.lower()}


def _is_rule(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("Status") == "Enabled"


def _tags(rule: Mapping[str, Any]) -> list[str]:
    return [f"{tag['Key']}={tag['Value']}" for tag in rule.get("TagFilters", ())]
