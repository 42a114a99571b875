"""The file of authorities that a database at AWS is trusted by."""

from __future__ import annotations

import datetime
import re
import ssl
from typing import Any

import pytest

from functions.core.store.iam import CERTIFICATES

TEXT = CERTIFICATES.read_text()
CHECKED = datetime.date.fromisoformat(re.findall(r"^# Checked: (\S+)$", TEXT, re.MULTILINE)[0])
AMAZON = {f"Amazon Root CA {number}" for number in range(1, 5)} | {"Starfield Services Root Certificate Authority - G2"}


def authorities() -> list[dict[str, Any]]:
    """As OpenSSL reads the file, which takes from it what may sign and leaves out what may not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATES)
    return context.get_ca_certs()


def name(authority: dict[str, Any]) -> str:
    return next(str(value) for ((key, value),) in authority["subject"] if key == "commonName")


def day(when: str) -> datetime.date:
    return datetime.datetime.fromtimestamp(ssl.cert_time_to_seconds(when), datetime.UTC).date()


@pytest.mark.parametrize("authority", authorities(), ids=name)
def test_an_authority_is_a_root_and_valid_for_a_year_after_the_file_was_checked(authority: dict[str, Any]) -> None:
    assert authority["subject"] == authority["issuer"]
    assert day(authority["notBefore"]) < CHECKED
    assert day(authority["notAfter"]) > CHECKED + datetime.timedelta(days=365)


def test_each_end_is_written_beside_its_certificate() -> None:
    written = sorted(re.findall(r"^# (.+), until (\S+)\n-----BEGIN CERTIFICATE-----$", TEXT, re.MULTILINE))
    assert len(written) == TEXT.count("BEGIN CERTIFICATE")
    assert written == sorted((name(each), str(day(each["notAfter"]))) for each in authorities())


def test_the_roots_of_rds_proxy_and_three_of_every_region_are_there() -> None:
    names = [name(authority) for authority in authorities()]
    assert {each for each in names if not each.startswith("Amazon RDS")} == AMAZON
    regions = re.findall(r"[a-z]{2}-[a-z]+-\d(?=[,.])", TEXT.partition("-----")[0])
    assert len(regions) == 27
    for region in regions:
        assert sum(f"Amazon RDS {region} Root CA" in each for each in names) == 3
