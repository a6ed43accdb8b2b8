"""Lengths of time as people say them."""

from __future__ import annotations

from datahub.contract.clock import HOUR_MS, MINUTE_MS


def spoken(length: int) -> str:
    """A length of time [ms], such as ``2 h 10 min``, to the minute."""
    minutes = round(length / MINUTE_MS)
    hours, left = divmod(minutes, HOUR_MS // MINUTE_MS)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{left} min"] if left or not hours else [])])
