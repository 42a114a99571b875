"""A small client of the HTTP API, for the command line and for whoever scripts it.

::

    with Client("http://127.0.0.1:3000") as client:
        document = client.upload("book.txt")
        job = client.submit_document(document["document_id"], max_chunk_chars=8_000)
        *_, last = client.watch(job["job_id"])
        print("".join(client.result(job["job_id"])))

Answers are dictionaries with the API's own names. Nothing here imports the service.
"""

from local.client.answers import (
    ENDED,
    Accepted,
    Chunk,
    ChunkError,
    ChunkPage,
    Document,
    Job,
    JobPage,
    Options,
    Seen,
    Span,
)
from local.client.client import PATIENCE, Client
from local.client.errors import ClientError, Refused, ServerNotReached, SourceChanged
from local.client.paging import pages
from local.client.patience import Time
from local.client.sending import Progress, Sent

__all__ = [
    "ENDED", "PATIENCE", "Accepted", "Chunk", "ChunkError", "ChunkPage", "Client", "ClientError", "Document", "Job",
    "JobPage", "Options", "Progress", "Refused", "Seen", "Sent", "ServerNotReached", "SourceChanged", "Span", "Time",
    "pages",
]  # fmt: skip
