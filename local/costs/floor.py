"""What a month costs in which nothing happens."""

from __future__ import annotations

from local.costs.bill import Bill, Line


def floor_lines(bill: Bill) -> list[Line]:
    """What a stack costs that stands there and does nothing."""
    hours, sizes = bill.of("hours_a_month"), bill.sizes
    idle = sizes.mappings * bill.of("pollers") * hours * 3600 / bill.of("poll_seconds")
    lines = [
        bill.line("interface endpoints", "interface_endpoint_hour", sizes.endpoint_zones * hours),
        bill.line("Aurora at its minimum", "aurora_acu_hour", sizes.least_acu * sizes.database_instances * hours),
        bill.line("Aurora's storage", "aurora_gb_month", bill.of("database_gb") * min(1, sizes.database_instances)),
        bill.line("RDS Proxy", "rds_proxy_acu_hour", sizes.proxies * _proxy_acu(bill) * hours),
        bill.line("NAT gateways", "nat_gateway_hour", sizes.nat_gateways * hours),
        bill.line("their addresses", "public_ipv4_hour", sizes.nat_gateways * hours),
        *_reconciler(bill),
        bill.line("Lambda asks empty queues", "sqs_request", idle),
        bill.line("alarms", "alarm_month", sizes.alarms),
        bill.line("dashboard", "dashboard_month", sizes.dashboards),
        bill.line("metrics of our own", "metric_month", sizes.metrics),
        bill.line("secrets", "secret_month", sizes.secrets),
        bill.line("keys of one's own", "kms_key_month", sizes.keys),
    ]
    return [line for line in lines if line.quantity]


def _reconciler(bill: Bill) -> list[Line]:
    """Its pause between two passes is billed like work."""
    sizes = bill.sizes
    invocations = bill.of("hours_a_month") * 60 / sizes.schedule_minutes
    seconds = sizes.passes * bill.own_seconds("reconciler", bill.measured.rooms["passes"])
    return list(
        bill.lambda_lines(
            "reconciler",
            "reconciler",
            invocations,
            invocations * (seconds + (sizes.passes - 1) * sizes.pause_seconds),
        )
    )


def _proxy_acu(bill: Bill) -> float:
    return max(bill.of("rds_proxy_least_acu"), bill.sizes.least_acu)
