"""Words of the lamp cloud that both sides of the dialect use: names, scales, states, and how a post is signed."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final

from datahub.contract.codes import AckStatus

STAMP, SIGNATURE = "x-lc-timestamp", "x-lc-signature"
"""Headers of a post or an order: when it was signed [s since 1970], and the signature in hexadecimal digits."""

#: The vendor's name of a value -> property, and how many of its whole steps make one SI unit.
VALUES: Final[dict[str, tuple[str, int]]] = {
    "pw": ("lamp_power_w", 10),
    "bri": ("dimming_ratio", 100),
    "ct": ("cabinet_temperature_c", 10),
    "lk": ("leakage_current_a", 10_000),
    "tlt": ("tilt_deg", 100),
    "at": ("air_temperature_c", 10),
    "rh": ("humidity_percent", 10),
    "pm": ("pm2_5_ug_m3", 10),
    "spl": ("noise_dba", 10),
    "lux": ("illuminance_lx", 10),
    "sos": ("call_button_count", 1),
}
NAMES: Final = {name: (word, steps) for word, (name, steps) in VALUES.items()}

PERCENT: Final = 100
"""Steps of the dimming level that make the whole."""


class State(StrEnum):
    """The vendor's state codes of a lamp in a sample."""

    OFF = "00"
    ON = "01"
    OFFLINE = "EE"  # its controller is not heard: the values are those of before


#: The vendor's word for how an order went -> ours.
ENDS: Final = {"EXECUTED": AckStatus.DONE, "FAILED": AckStatus.REJECTED, "TIMEOUT": AckStatus.EXPIRED}
WORDS: Final = {status: word for word, status in ENDS.items()}


def signed(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) over time and body, in hexadecimal digits."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
