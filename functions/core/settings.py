"""Every number and name that can be set, in one frozen object. Only wiring reads it from the environment."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from functions.core.errors import Misconfigured

PREFIX = "PIECEWISE_"

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pause = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def _names(given: object) -> object:
    """Names as a list of JSON or separated by commas; anything but text is left as it is."""
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith("["):
        try:
            return json.loads(given)
        except ValueError:
            raise ValueError("is neither names separated by commas nor a list of JSON") from None
    return [name for part in given.split(",") if (name := part.strip())]


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]

_SECRET = re.compile(r"arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:\S+")
_LONGEST_VISIBILITY = 43_200  # SQS's, in seconds
_FEWEST_RECEIVES = 5  # the deliveries over which the chunk worker holds messages back for more than an hour


class FromEnvironment(BaseSettings):
    """Read from `PIECEWISE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def load(cls, **given: object) -> Self:
        """The settings from the environment, `given` above it. Raises Misconfigured, one line naming the variable."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise Misconfigured(_one_line(error)) from None


class Settings(FromEnvironment):
    """What the rooms are set to; times in seconds unless a name says otherwise."""

    # where things are
    database_url: str
    database_auth: Literal["url", "iam"] = "url"  # "iam": a token of RDS instead of the URL's password
    database_pool: Count = 1  # connections; one more is for renewing leases meanwhile
    bucket: str
    public_s3_url: str | None = None  # where a client reaches S3, if elsewhere than we do; never set on AWS
    plan_queue: str
    chunk_queue: str
    finalize_queue: str
    scratch_dir: str | None = None  # a laptop's state directory; never set on AWS

    threads: Count = 16  # for calls to S3 and SQS

    # who may call, and what for
    auth: Literal["none", "jwt"] = "jwt"  # "none": every caller is the owner `local`
    owner_claim: str = "sub"
    default_model: str = "local"
    allowed_models: Names = ("local",)  # exact names, or a prefix with `*`, comma separated: "local,openai:*"
    simulate: dict[str, str] = Field(default_factory=dict)
    model_base_url: str | None = None  # an OpenAI-compatible server; None: the SDK's own
    model_api_key: str | None = None  # None: the SDK's own variable (OPENAI_API_KEY, …)
    model_api_key_secret: str | None = None  # the ARN of a secret of Secrets Manager instead: on AWS

    # limits of a request
    max_body_bytes: Count = 4_000_000
    max_document_bytes: Annotated[int, Field(ge=1, le=5 * 1024**3)] = 5 * 1024**3  # S3 takes no more in one PUT
    max_chunks: Count = 100_000
    max_live_jobs: Count = 1_000  # of one owner, before a POST is answered 429
    max_live_chunks: Count = 1_000_000
    plan_inline_chunks: Count = 20
    inline_result_bytes: Count = 1_048_576
    # A larger result is a redirect: Lambda returns 6 MB of event at most, in base 64 where escapes would make it more.
    response_bytes: Annotated[int, Field(ge=1, le=4_600_000)] = 4_500_000

    # how long things are kept
    upload_seconds: Annotated[int, Field(ge=60, le=3_600)] = 900  # for which an upload's URLs are good
    # For which an upload waits for a job: less than the 2 days after which the bucket ends multipart uploads, and the 7
    # after which it deletes what is tagged unclaimed.
    upload_life: Annotated[float, Field(gt=0, le=129_600)] = 86_400.0
    idempotency_life: Annotated[float, Field(ge=86_400, allow_inf_nan=False)] = 86_400.0  # clients rely on a day
    retention_days: Annotated[int, Field(ge=0, le=36_500)] = 0  # of jobs that have ended; 0: for ever

    # a model call
    call_timeout: Seconds = 120.0
    call_margin: Seconds = 15.0
    backoff_base: Pause = 1.0
    backoff_cap: Pause = 30.0
    max_park: Seconds = 86_400.0

    # leases and crashes
    lease: Seconds = 60.0
    renew_every: Seconds = 20.0
    crash_limit: Count = 3
    hint_after: Seconds = 300.0  # a message not seen for so long is sent again; doubles to hint_cap
    hint_cap: Seconds = 3_600.0
    finalize_after: Seconds = 60.0
    finalize_tries: Count = 5
    plan_lease: Seconds = 60.0
    plan_block: Count = 1_000  # chunk rows a transaction

    # what the functions and queues are set to (the template says the same)
    function_timeout: Seconds = 300.0
    queue_visibility: Count = 1_860
    max_receive_count: Count = 5
    reconciler_passes: Count = 2  # in one invocation: EventBridge's finest rate is a minute
    reconciler_pause: Seconds = 30.0  # between two passes
    resend_limit: Count = 5_000  # messages the reconciler sends in one pass
    metrics: bool = True  # as lines on standard output, which CloudWatch reads there

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
        if self.queue_visibility > _LONGEST_VISIBILITY:
            raise ValueError(f"{PREFIX}QUEUE_VISIBILITY must be at most {_LONGEST_VISIBILITY}: SQS's limit")
        if self.max_receive_count < _FEWEST_RECEIVES:
            raise ValueError(
                f"{PREFIX}MAX_RECEIVE_COUNT must be at least {_FEWEST_RECEIVES}: fewer would put messages into the "
                "dead-letter queue during an outage of an hour"
            )
        if self.renew_every * 2 > self.lease:
            raise ValueError(
                f"{PREFIX}LEASE ({self.lease:g}) must be at least twice {PREFIX}RENEW_EVERY ({self.renew_every:g}): "
                "one lost renewal would end a healthy lease"
            )
        return self

    @model_validator(mode="after")
    def _models_agree(self) -> Self:
        if self.model_api_key and self.model_api_key_secret:
            raise ValueError(
                f"{PREFIX}MODEL_API_KEY and {PREFIX}MODEL_API_KEY_SECRET are both set: keep one, on AWS the secret"
            )
        if self.model_api_key_secret and not _SECRET.fullmatch(self.model_api_key_secret):
            raise ValueError(f"{PREFIX}MODEL_API_KEY_SECRET is not the ARN of a secret in Secrets Manager")
        if self.model_api_key_secret and self.scratch_dir:
            raise ValueError(f"{PREFIX}MODEL_API_KEY_SECRET is for AWS: on one machine set {PREFIX}MODEL_API_KEY")
        simulated = "simulated" in (*self.allowed_models, self.default_model) or self.simulate
        if simulated and not self.scratch_dir:
            raise ValueError(
                f"{PREFIX}ALLOWED_MODELS, {PREFIX}DEFAULT_MODEL or {PREFIX}SIMULATE names the simulated model, which "
                "answers nothing: it is for one machine only, and never allowed on AWS"
            )
        return self


class MigrateSettings(FromEnvironment):
    """What the migrate function is set to, which is no part of a document's way."""

    database_url: str  # of the cluster itself, without a user; not RDS Proxy's
    database_admin_secret: Annotated[str, Field(pattern=_SECRET)]  # JSON with username and password, as RDS keeps it
    app_role: Annotated[str, Field(pattern="^[a-z_][a-z0-9_]{0,62}$")] = "piecewise_app"  # whom the functions log in as
    legacy_owner: Annotated[str, Field(min_length=1, max_length=255)] = "local"  # of the replaced service's documents


def _one_line(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(item["loc"][0]).upper() if item["loc"] else ""
        what = "is not set" if item["type"] == "missing" else item["msg"].removeprefix("Value error, ")
        parts.append(f"{name} {what}".strip())
    return "bad configuration: " + "; ".join(parts)
