"""Every number and name that can be set, in one frozen object. Only wiring reads it from the environment."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.core.errors import Misconfigured

PREFIX = "PIECEWISE_"


class Settings(BaseSettings):
    """Read from `PIECEWISE_<NAME>`; times in seconds unless a name says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    # where things are
    database_url: str
    database_pool: int = 1  # connections; one more is for renewing leases meanwhile
    bucket: str
    plan_queue: str
    chunk_queue: str
    finalize_queue: str
    scratch_dir: str | None = None  # a laptop's state directory; never set on AWS

    threads: int = 16  # for calls to S3 and SQS

    # who may call, and what for
    auth: Literal["none", "jwt"] = "jwt"  # "none": every caller is the owner `local`
    owner_claim: str = "sub"
    default_model: str = "local"
    allowed_models: tuple[str, ...] = ("local",)  # exact names, or a prefix with `*`: "openai:*"
    simulate: dict[str, str] = Field(default_factory=dict)
    model_base_url: str | None = None  # an OpenAI-compatible server; None: the SDK's own
    model_api_key: str | None = None  # None: the SDK's own variable (OPENAI_API_KEY, …)

    # limits of a request
    max_body_bytes: int = 4_000_000
    max_chunks: int = 100_000
    plan_inline_chunks: int = 20
    inline_result_bytes: int = 1_048_576
    response_bytes: int = 5_000_000  # a larger result is a redirect: Lambda returns 6 MB of event at most

    # a model call
    call_timeout: float = 120.0
    call_margin: float = 15.0
    backoff_base: float = 1.0
    backoff_cap: float = 30.0
    max_park: float = 86_400.0

    # leases and crashes
    lease: float = 60.0
    renew_every: float = 20.0
    crash_limit: int = 3
    hint_after: float = 300.0  # a message not seen for so long is sent again; doubles to hint_cap
    hint_cap: float = 3_600.0
    finalize_after: float = 60.0
    finalize_tries: int = 5
    plan_lease: float = 60.0
    plan_block: int = 1_000  # chunk rows a transaction

    # what the functions and queues are set to (the template says the same)
    function_timeout: float = 300.0
    queue_visibility: int = 1_800
    max_receive_count: int = 5
    reconciler_passes: int = 2  # in one invocation: EventBridge's finest rate is a minute
    reconciler_pause: float = 30.0  # between two passes
    resend_limit: int = 5_000  # messages the reconciler sends in one pass

    @model_validator(mode="after")
    def _numbers_agree(self) -> Self:
        if self.call_timeout + self.call_margin >= self.function_timeout:
            raise ValueError(
                f"{PREFIX}CALL_TIMEOUT ({self.call_timeout:g}) + {PREFIX}CALL_MARGIN ({self.call_margin:g}) must be "
                f"less than {PREFIX}FUNCTION_TIMEOUT ({self.function_timeout:g}): no call could ever start"
            )
        if self.queue_visibility < 6 * self.function_timeout:
            raise ValueError(
                f"{PREFIX}QUEUE_VISIBILITY ({self.queue_visibility}) must be at least 6 x {PREFIX}FUNCTION_TIMEOUT "
                f"({self.function_timeout:g}): AWS's rule for an SQS event source"
            )
        if self.renew_every * 2 > self.lease:
            raise ValueError(
                f"{PREFIX}LEASE ({self.lease:g}) must be at least twice {PREFIX}RENEW_EVERY ({self.renew_every:g}): "
                "one lost renewal would end a healthy lease"
            )
        return self

    @classmethod
    def load(cls, **given: object) -> Settings:
        """The settings from the environment, `given` above it. Raises Misconfigured, one line naming the variable."""
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise Misconfigured(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(item["loc"][0]).upper() if item["loc"] else ""
        what = "is not set" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        parts.append(f"{name} {what}".strip())
    return "bad configuration: " + "; ".join(parts)
