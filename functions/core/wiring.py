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
from functions.core.errors import Misconfigured
from functions.core.ids import new_job_id
from functions.core.ports import Documents, Providers, Queues, Store
from functions.core.providers.catalogue import Catalogue
from functions.core.queues.sqs import SqsQueues, make_sqs
from functions.core.settings import Settings
from functions.core.store.database import Database
from functions.core.store.engines import make_engines
from functions.core.store.sql import SqlStore
from functions.core.store.timing import Timing
from functions.core.threads import on_threads


@dataclass(frozen=True, slots=True)
class Parts:
    """What a room works with."""

    settings: Settings
    store: Store
    queues: Queues
    documents: Documents
    providers: Providers
    random: Random
    new_job_id: Callable[[], str]


@cache
def parts() -> Parts:
    """The parts of this process. Raises Misconfigured when a setting is missing or wrong."""
    return wire(Settings.load())


def wire(settings: Settings) -> Parts:
    """The real parts for these settings; connects to nothing yet."""
    runner = on_threads(settings.threads, "piecewise-io")
    session = boto3.Session()
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL")
    store = make_store(settings)
    try:
        sqs = make_sqs(session, endpoint_url=endpoint_url, connections=settings.threads)
        s3 = make_s3(session, endpoint_url=endpoint_url, connections=settings.threads)
    except (BotoCoreError, ValueError) as error:  # no region, an endpoint that is no URL
        raise Misconfigured(f"AWS_REGION or AWS_ENDPOINT_URL is missing or wrong: {error}") from None
    return Parts(
        settings=settings,
        store=store,
        queues=SqsQueues(
            sqs,
            runner,
            plan_queue=settings.plan_queue,
            chunk_queue=settings.chunk_queue,
            finalize_queue=settings.finalize_queue,
        ),
        documents=LegacyDocuments(S3Documents(s3, runner, bucket=settings.bucket), store.legacy_text),
        providers=Catalogue(settings),
        random=Random(),
        new_job_id=new_job_id,
    )


def make_store(settings: Settings) -> SqlStore:
    """The store on the database of these settings, with threads of its own for the renewal of leases."""
    engines = make_engines(settings.database_url, pool_size=settings.database_pool)
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
    )
