"""What a department may count on that calls data (``sharing.toml``)."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from datahub.contract.errors import DeclarationError
from datahub.devices.guard import Limit

FILE = "sharing.toml"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Declared limits of calling data."""

    calls_per_hour: Limit
    code_days: Limit
    grant_days: Limit
    refusals_per_hour: Limit
    refusal_sources: Limit


def load(text: str | None = None, *, file: str = FILE) -> Limits:
    """The declared limits.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = text if text is not None else files(__package__).joinpath(FILE).read_text("utf-8")
    try:
        found = msgspec.toml.decode(body, type=Limits)
    except msgspec.DecodeError as error:
        raise DeclarationError(str(error), file=file, remedy="see the fields of Limits") from error
    for name, limit in msgspec.structs.asdict(found).items():
        if not limit.value >= 1:
            raise DeclarationError(f"[{name}] {limit.value:g} lets nobody call", file=file, remedy="give 1 or more")
    return found
