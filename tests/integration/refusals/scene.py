"""A database with jobs in every state and uploads in every condition, which a refusal must leave as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select

from functions.api.app import create_app
from functions.api.handler import respond
from functions.core.jobs import JobStatus
from functions.core.providers.catalogue import Catalogue
from functions.core.store.tables import chunks, deletions, documents, idempotency_keys, jobs
from tests.fakes.gateway import FakeContext, event
from tests.fakes.stage import Stage
from tests.integration.refusals.rows import JSON, Bad

_TABLES = (jobs, chunks, documents, idempotency_keys, deletions)
_TEXT = "aaaabbbbcccc"
_PART = b"x" * 5 * 1024 * 1024


@dataclass
class Scene:
    """`ids`: what the tables' paths and bodies name in braces."""

    stage: Stage
    ids: dict[str, str]

    @classmethod
    def on(cls, stage: Stage) -> Scene:
        """Set it."""
        scene = cls(stage, {})
        for name, status in _JOBS.items():
            scene.ids[name] = stage.submit(_TEXT)
            stage.change_job(scene.ids[name], status=status)
        stage.change_job(scene.ids["strangers_job"], owner="somebody else")
        stage.erase(scene.ids["deleted"])
        scene._upload("waiting", None)
        scene._upload("strangers", b"text", owner="somebody else")
        scene._upload("expired", b"text", expires_at=0)
        scene._upload("vanished", b"text", etag="once", jobs=1)
        del stage.documents.objects[f"uploads/{scene.ids['vanished']}"]
        scene._upload("large", b"x" * 1000)
        scene._half()
        return scene

    def ask(self, row: Bad) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and problem."""
        settings = self.stage.settings.model_copy(update=row.settings)
        parts = replace(self.stage.parts, settings=settings, providers=Catalogue(settings, key=None))
        body = self._named(row.body) if isinstance(row.body, str) and len(row.body) < 1000 else row.body
        asked = event(
            row.method, self._named(row.path), query=row.query, body=body, headers={"accept": "*/*", **row.headers}
        )
        answer = respond(create_app(parts), asked, FakeContext())  # type: ignore[arg-type]
        return answer["statusCode"], answer["headers"], json.loads(answer["body"])

    def traces(self) -> list[Any]:
        """All that a request could have left behind."""
        with self.stage.engine.begin() as connection:
            counts = [connection.scalar(select(func.count()).select_from(table)) for table in _TABLES]
            states = connection.execute(select(jobs.c.job_id, jobs.c.status, jobs.c.run).order_by(jobs.c.job_id)).all()
        uploads = {upload_id: sorted(upload.parts) for upload_id, upload in self.stage.uploads.uploads.items()}
        queues = self.stage.queues
        return [counts, states, sorted(self.stage.documents.objects), uploads, list(queues.chunks), list(queues.plans)]

    def _named(self, text: str) -> str:
        for name, value in self.ids.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _upload(self, name: str, data: bytes | None, **columns: Any) -> None:
        about = {"bytes": len(data or b"text"), "sha256": sha256(data or b"text").hexdigest()}
        self.ids[name] = document_id = self._offered(about)["document_id"]
        if data is not None:
            self.stage.documents.objects[f"uploads/{document_id}"] = data
        if columns:
            with self.stage.engine.begin() as connection:
                connection.execute(documents.update().where(documents.c.document_id == document_id).values(**columns))

    def _half(self) -> None:
        part = {"bytes": len(_PART), "sha256": sha256(_PART).hexdigest()}
        offered = self._offered({"parts": [part, part]})
        self.ids["half"] = offered["document_id"]
        first = offered["upload"]["parts"][0]
        assert self.stage.uploads.send(first["url"], first["headers"], _PART) == 200

    def _offered(self, about: dict[str, Any]) -> dict[str, Any]:
        asked = event("POST", "/v1/documents", body=json.dumps(about), headers=JSON)
        answer = respond(create_app(self.stage.parts), asked, FakeContext())  # type: ignore[arg-type]
        assert answer["statusCode"] == 201, answer["body"]
        offered: dict[str, Any] = json.loads(answer["body"])
        return offered


_JOBS = {
    "pending": JobStatus.PENDING,
    "running": JobStatus.PROCESSING,
    "done": JobStatus.COMPLETED,
    "partial": JobStatus.PARTIAL_SUCCESS,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
    "strangers_job": JobStatus.COMPLETED,
    "deleted": JobStatus.COMPLETED,
}
