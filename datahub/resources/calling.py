"""What a department may count on that calls data (``sharing.toml``)."""

from __future__ import annotations

import msgspec

from datahub.contract.declared import Number, own_text, read, refuse_below

FILE = "sharing.toml"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Declared limits of calling data."""

    calls_per_hour: Number
    code_days: Number
    grant_days: Number
    refusals_per_hour: Number
    refusal_sources: Number


def load(text: str | None = None, *, file: str = FILE) -> Limits:
    """The declared limits.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, Limits, file=file)
    refuse_below(found, 1, file=file, text=body, rule="lets nobody call")
    return found
