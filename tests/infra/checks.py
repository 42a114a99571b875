"""What the templates, the settings and the rooms must agree on."""

from __future__ import annotations

from tests.infra.check_alarms import alarms, service
from tests.infra.check_bucket import lifecycle, pages
from tests.infra.check_queues import mappings, numbers, queues
from tests.infra.check_rooms import environment, functions, handlers, migration
from tests.infra.check_stacks import answers, endpoints, nested_stacks, preflight, wildcards
from tests.infra.check_ways import doors, endings, front, key, sign_in, tls, ways
from tests.infra.world import Check

CHECKS: tuple[Check, ...] = (
    handlers, environment, numbers, queues, mappings, functions, alarms, service, migration, nested_stacks, wildcards,
    preflight, endpoints, answers, ways, doors, sign_in, endings, front, tls, key, lifecycle, pages,
)  # fmt: skip
