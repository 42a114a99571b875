"""Ids, cursors, filters, states, methods and headers."""

from __future__ import annotations

from tests.integration.refusals.rows import ANALYZE, Bad, get

JOB = f"{ANALYZE}/{{done}}"
NO_JOBS = ["0" * 30, "x", "%00", "%2e%2e", "x" * 65, "x" * 5000, "j%C3%B6b", "1%3BDROP%20TABLE", "{strangers_job}",
           "{deleted}"]  # fmt: skip
TAILS = ["", "/chunks", "/result", "/coverage"]

IDS = [
    *(
        Bad(404, "job-not-found", "POST /v1/analyze", path=f"{ANALYZE}/{name}{tail}")
        for name in NO_JOBS
        for tail in TAILS
    ),
    *(
        Bad(404, "job-not-found", "POST /v1/analyze", method="POST", path=f"{ANALYZE}/{name}/{verb}")
        for name in NO_JOBS
        for verb in ("retry", "cancel")
    ),
    *(Bad(404, "job-not-found", "POST /v1/analyze", method="DELETE", path=f"{ANALYZE}/{name}") for name in NO_JOBS),
]  # fmt: skip

LIMITS = [
    *((f"limit={value}", "limit") for value in ("0", "-1", "x", "", "1.5", "99999", "1&limit=2")),
    ("page=2", "page"),
    ("Limit=1", "Limit"),
]
CURSORS = [
    f"after={value}"
    for value in ("", "%00", "x", "-1", "1.5", "%F0%9F%90%B3", "9" * 30, "x" * 900, "jxyz", "j" + "u" * 30, "{done}")
]
LISTS = (ANALYZE, f"{JOB}/chunks", f"{JOB}/coverage")

QUERIES = [
    *(get(path, query, field, "") for path in LISTS for query, field in LIMITS),
    *(get(path, query, "after", "take next_cursor of the page before") for path in LISTS for query in CURSORS),
    *(get(path, "after=1&after=2", "after", "more than once") for path in LISTS),
    get(ANALYZE, "status=DONE", "status", "COMPLETED"),
    get(ANALYZE, "status=", "status", "COMPLETED"),
    get(ANALYZE, "status=completed", "status", "COMPLETED"),
    get(ANALYZE, "status=FAILED&status=PENDING", "status", "more than once"),
    get(f"{JOB}/chunks", "status=CANCELLED", "status", "COMPLETED"),
    get(f"{JOB}/chunks", "status=failed", "status", "COMPLETED"),
    get(f"{JOB}/coverage", "status=FAILED", "status", ""),
    get(JOB, "verbose=1", "verbose", ""),
    get(f"{JOB}/result", "run=1", "run", ""),
]  # fmt: skip

STATES = [
    *(
        Bad(409, "job-still-running", says, path=f"{ANALYZE}/{{{job}}}/result")
        for job, says in (("pending", "PENDING"), ("running", "PROCESSING"))
    ),
    *(Bad(409, "no-result", job.upper(), path=f"{ANALYZE}/{{{job}}}/result") for job in ("failed", "cancelled")),
    *(
        Bad(409, "job-still-running", says, method="POST", path=f"{ANALYZE}/{{{job}}}/retry")
        for job, says in (("pending", "PENDING"), ("running", "PROCESSING"))
    ),
    *(
        Bad(409, "nothing-to-retry", says, method="POST", path=f"{ANALYZE}/{{{job}}}/retry")
        for job, says in (("done", "COMPLETED"), ("cancelled", "CANCELLED"))
    ),
    *(
        Bad(409, "job-has-ended", says, method="POST", path=f"{ANALYZE}/{{{job}}}/cancel")
        for job, says in (("done", "COMPLETED"), ("partial", "PARTIAL_SUCCESS"), ("failed", "FAILED"))
    ),
]

ACCEPT = [
    *(
        Bad(406, "not-acceptable", "application/json", path=path, headers={"accept": accept})
        for path in (ANALYZE, JOB, f"{JOB}/chunks", f"{JOB}/coverage", "/v1/documents/{waiting}")
        for accept in ("text/html", "application/json;q=0, */*;q=0")
    ),
    *(
        Bad(406, "not-acceptable", "application/x-ndjson", path=f"{JOB}/result", headers={"accept": accept})
        for accept in ("text/html", "application/json", "image/*", "text/plain;q=0")
    ),
]

NOWHERE = [
    *(
        Bad(404, "path-not-found", "/openapi.json", method=method, path=path)
        for method, path in (
            ("GET", "/"), ("GET", "/v1"), ("GET", "/v2/analyze"), ("GET", "/v1/analyze/"), ("POST", "/v1/analyze/"),
            ("GET", "/v1/analyze/{done}/nothing"), ("GET", "/v1/analyze/{done}/chunks/0"), ("GET", "/robots.txt"),
            ("POST", "/v1/analyze/{done}/delete"), ("GET", "//v1/analyze"), ("GET", "/v1/documents/{waiting}/parts"),
        )
    ),
    *(
        Bad(405, "method-not-allowed", "", method=method, path=path)
        for method, path in (
            ("PUT", ANALYZE), ("DELETE", ANALYZE), ("PATCH", ANALYZE), ("PUT", JOB), ("POST", JOB), ("PATCH", JOB),
            ("POST", f"{JOB}/result"), ("DELETE", f"{JOB}/chunks"), ("GET", f"{JOB}/retry"), ("GET", f"{JOB}/cancel"),
            ("PUT", f"{JOB}/cancel"), ("GET", "/v1/documents"), ("DELETE", "/v1/documents/{waiting}"),
            ("POST", "/health"), ("POST", "/docs"), ("PUT", "/openapi.json"),
        )
    ),
]  # fmt: skip

ROWS = [*IDS, *QUERIES, *STATES, *ACCEPT, *NOWHERE]
