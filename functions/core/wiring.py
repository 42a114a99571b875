"""Puts the real parts together, once a process, from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

import boto3
from botocore.exceptions import BotoCoreError

from functions.core.documents.legacy import LegacyDocuments
from functions.core.documents.s3 import S3Documents, make_s3
from functions.core.documents.uploads import S3Uploads
from functions.core.errors import Misconfigured
from functions.core.ids import new_job_id
from functions.core.logs import SERVICE, log_as
from functions.core.meter import EmfMeter, Unmetered
from functions.core.ports import Documents, Meter, Providers, Queues, Runner, Uploads
from functions.core.providers.catalogue import Catalogue
from functions.core.queues.sqs import SqsQueues, make_sqs
from functions.core.secret import ModelKey, make_secrets
from functions.core.settings import Settings
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.store.iam import make_signer
from functions.core.store.sql import SqlStore
from functions.core.store.timing import Timing
from functions.core.store_port import Store
from functions.core.threads import on_threads


@dataclass(frozen=True, slots=True)
class Parts:
    """What a room works with."""

    settings: Settings
    store: Store
    queues: Queues
    documents: Documents
    uploads: Uploads
    providers: Providers
    meter: Meter
    random: Random
    new_job_id: Callable[[], str]


@cache
def parts() -> Parts:
    """The parts of this process. Raises Misconfigured when a setting is missing or wrong."""
    return wire(Settings.load())


def wire(settings: Settings) -> Parts:
    """The real parts for these settings; connects to nothing yet."""
    service = os.environ.get("POWERTOOLS_SERVICE_NAME") or SERVICE
    log_as(service)
    runner = on_threads(settings.threads, "piecewise-io")
    session = boto3.Session()
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL")
    store = make_store(settings, session)
    try:
        sqs = make_sqs(session, endpoint_url=endpoint_url, connections=settings.threads)
        s3 = make_s3(session, endpoint_url=endpoint_url, connections=settings.threads)
        public = make_s3(session, endpoint_url=settings.public_s3_url) if settings.public_s3_url else None
    except (BotoCoreError, ValueError) as error:  # no region, an endpoint that is no URL
        names = "AWS_REGION, AWS_ENDPOINT_URL or PIECEWISE_PUBLIC_S3_URL"
        raise Misconfigured(f"{names} is missing or wrong: {error}") from None
    return Parts(
        settings=settings,
        store=store,
        queues=SqsQueues(
            sqs,
            runner,
            plan_queue=settings.plan_queue,
            chunk_queue=settings.chunk_queue,
            finalize_queue=settings.finalize_queue,
            trace=_trace,
        ),
        documents=LegacyDocuments(S3Documents(s3, runner, bucket=settings.bucket, public=public), store.legacy_text),
        uploads=S3Uploads(s3, runner, bucket=settings.bucket, public=public),
        providers=Catalogue(settings, key=make_key(settings, session, runner)),
        meter=EmfMeter(service) if settings.metrics else Unmetered(),
        random=Random(),
        new_job_id=new_job_id,
    )


def make_key(settings: Settings, session: boto3.Session, runner: Runner) -> ModelKey | None:
    """The real models' key, where it is a secret; read when the first of them is asked."""
    arn = settings.model_api_key_secret
    if arn is None:
        return None
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL")
    return ModelKey(lambda: make_secrets(session, arn, endpoint_url=endpoint_url), runner, arn)


def make_store(settings: Settings, session: boto3.Session | None = None) -> SqlStore:
    """The store on the database of these settings, with threads of its own for the renewal of leases.

    `session` signs where the database wants a token. Raises Misconfigured.
    """
    sign = make_signer(session or boto3.Session()) if settings.database_auth == "iam" else None
    engines = make_engines(settings.database_url, pool_size=settings.database_pool, sign=sign)
    return SqlStore(
        Database(
            engines,
            on_threads(settings.database_pool, "piecewise-write"),
            reads=on_threads(settings.database_pool, "piecewise-read"),
        ),
        make_timing(settings),
        renewals=Database(engines, on_threads(1, "piecewise-renew")),
    )


def make_timing(settings: Settings) -> Timing:
    """The store's numbers out of the settings."""
    return Timing(
        crash_limit=settings.crash_limit,
        hint_after_ms=round(settings.hint_after * 1000),
        hint_cap_ms=round(settings.hint_cap * 1000),
        finalize_after_ms=round(settings.finalize_after * 1000),
        plan_lease_ms=round(settings.plan_lease * 1000),
        upload_life_ms=round(settings.upload_life * 1000),
        late_ms=round(max(settings.function_timeout, settings.upload_seconds) * 1000) + 60_000,
    )


def _trace() -> str | None:
    """The X-Ray header that Lambda sets for each invocation."""
    return os.environ.get("_X_AMZN_TRACE_ID")
