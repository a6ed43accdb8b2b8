"""How long readings are kept, and how finely: the declared policy (``retention.toml``)."""

from __future__ import annotations

import builtins
import datetime as dt

import msgspec

from datahub.contract.clock import DAY_MS
from datahub.contract.declared import Number, broken, own_text, read
from datahub.contract.units import written_unit

FILE = "retention.toml"

YEAR_MS = 366 * DAY_MS
"""A year of policy [ms]: long enough for each."""

LEAST_AUDIT_MS = 184 * DAY_MS
"""The longest six months that there are [ms]: so long network logs are kept at least (网络安全法 Art 21 (3))."""


class Otherwise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a property is kept that is not kept as all others: raw [d], hourly [a]."""

    source: str
    date: dt.date
    raw: float | None = None
    hourly: float | None = None
    unverified: bool = False


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept how long. ``settled``: a day is rolled up so long after its end; ``audit``: the audit trail."""

    raw: Number
    hourly: Number
    settled: Number
    audit: Number
    property: dict[str, Otherwise] = {}

    def raw_ms(self, name: str = "") -> int:
        """How long single readings of a property are kept [ms]."""
        own = self.property.get(name)
        return round((self.raw.value if own is None or own.raw is None else own.raw) * DAY_MS)

    def hourly_ms(self, name: str = "") -> int:
        """How long hourly steps of a property are kept [ms]."""
        own = self.property.get(name)
        return round((self.hourly.value if own is None or own.hourly is None else own.hourly) * YEAR_MS)

    @builtins.property
    def settled_ms(self) -> int:
        """How long after its end a day is rolled up [ms]."""
        return round(self.settled.value * DAY_MS)

    @builtins.property
    def audit_ms(self) -> int:
        """How long the audit trail is kept [ms]."""
        return round(self.audit.value * DAY_MS)


def load(text: str | None = None, *, file: str = FILE) -> Retention:
    """The declared policy.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, Retention, file=file)
    for name, unit in (("raw", "d"), ("hourly", "a"), ("settled", "d"), ("audit", "d")):
        period: Number = getattr(found, name)
        if period.unit != unit:
            rule = f"[{name}] is given in '{period.unit}'"
            raise broken(rule, name, "unit", file=file, text=body, remedy=f"give it in '{unit}'")
    if found.audit_ms < LEAST_AUDIT_MS:
        rule = f"[audit] keeps the trail {found.audit.value:g} days; the law asks for six months"
        remedy = f"keep it {LEAST_AUDIT_MS // DAY_MS} days or longer"
        raise broken(rule, "audit", "value", file=file, text=body, remedy=remedy)
    for name in ("", *found.property):
        at = ("property", name) if name else ("raw", "value")
        if name and written_unit(name) is None:
            rule = f"[property.{name}] is no property"
            raise broken(rule, *at, file=file, text=body, remedy="end its name in its unit")
        if not found.settled_ms + DAY_MS <= found.raw_ms(name) < found.hourly_ms(name):
            rule = f"{name or 'raw'} is kept {found.raw_ms(name) / DAY_MS:g} days raw"
            remedy = "keep it raw at least one day longer than 'settled', and shorter than hourly"
            raise broken(rule, *at, file=file, text=body, remedy=remedy)
    return found
