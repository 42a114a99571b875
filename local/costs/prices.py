"""AWS's prices, from one dated file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from functions.core.errors import Misconfigured

PRICES = Path(__file__).resolve().parents[2] / "infra" / "prices.toml"
_CHECKED = ("published", "memory")


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` US dollars for `per` of `unit`; `page` is AWS's; `checked` is how the amount is known."""

    amount: float
    per: int
    unit: str
    page: str
    checked: str

    def of(self, quantity: float) -> float:
        """Dollars for so many units."""
        return quantity * self.amount / self.per


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices of a region on a day."""

    date: date
    region: str
    by_name: Mapping[str, Price]

    def __getitem__(self, name: str) -> Price:
        """Raises Misconfigured when the file has no such price."""
        try:
            return self.by_name[name]
        except KeyError:
            raise Misconfigured(f"the prices lack {name}") from None


def load_prices(path: Path = PRICES) -> Prices:
    """Raises Misconfigured: one line with the file and what is wrong in it."""
    content = read_toml(path, {"date": date, "region": str, "prices": dict})
    return Prices(
        content["date"],
        content["region"],
        {name: _price(path, name, fields) for name, fields in content["prices"].items()},
    )


def read_toml(path: Path, keys: Mapping[str, type]) -> dict[str, Any]:
    """A file with exactly these keys at its top. Raises Misconfigured."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path}: not TOML: {error}") from None
    check(path, "the file", content, keys)
    return content


def check(path: Path, where: str, fields: object, keys: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raises Misconfigured unless `fields` are exactly these keys, of these types."""
    if not isinstance(fields, dict) or fields.keys() != keys.keys():
        given = ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__
        raise Misconfigured(f"{path}: {where} has {given}; expected exactly {', '.join(keys)}")
    for name, kind in keys.items():
        if not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            raise Misconfigured(f"{path}: {where}: {name} is not of the right type")


def _price(path: Path, name: str, fields: object) -> Price:
    check(path, name, fields, {"amount": (int, float), "per": int, "unit": str, "page": str, "checked": str})
    assert isinstance(fields, dict)
    price = Price(**fields)
    if price.amount <= 0 or price.per < 1 or price.checked not in _CHECKED or not price.page.startswith("https://"):
        raise Misconfigured(
            f"{path}: {name} needs a positive amount and per, a page, and checked = {' or '.join(_CHECKED)}"
        )
    return price
