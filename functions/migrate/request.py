"""What CloudFormation asks of a custom resource, and what it is told.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_RESOURCE = "database-schema"  # its physical id: there is one, whatever the revision; another would be a replacement
_LONGEST = 1_000  # characters of a reason; all of an answer may have 4,096 bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome; `reason` in one line."""

    succeeded: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """Create, Update or Delete; `head` is the revision that the template's code was written for."""

    kind: str
    head: str
    url: str
    echoed: Mapping[str, str]  # what an answer repeats

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Out of Lambda's event. Raises KeyError when it is none of CloudFormation's: there is nobody to answer."""
        return cls(
            kind=event["RequestType"],
            head=str(event.get("ResourceProperties", {}).get("Head", "")),
            url=event["ResponseURL"],
            echoed={
                "StackId": event["StackId"],
                "RequestId": event["RequestId"],
                "LogicalResourceId": event["LogicalResourceId"],
                "PhysicalResourceId": event.get("PhysicalResourceId", _RESOURCE),
            },
        )

    def answered(self, answer: Answer) -> dict[str, str]:
        """The body that goes to `url`."""
        status = "SUCCESS" if answer.succeeded else "FAILED"
        return {"Status": status, "Reason": " ".join(answer.reason.split())[:_LONGEST], **self.echoed}
