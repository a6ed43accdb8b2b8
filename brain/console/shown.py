"""Numbers as people read them: converted once, here, at the edge, and rounded to what the thing can tell."""

from __future__ import annotations

from typing import Final, TypeAlias

from brain.console.words import Words
from brain.state import Fact
from brain.views import Curve, Vital
from datahub.contract.clock import MINUTE_MS, SECOND_MS

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | int | bool | None"
Panel: TypeAlias = dict[str, Json]

#: SI unit -> (factor, unit on the screen, decimals). Waterworks speak of m3/h and kPa (0.1 MPa = 100 kPa).
_SCALE: Final = {
    "Pa": (1e-3, "kPa", 1),
    "m3/s": (3_600.0, "m³/h", 0),
    "ratio": (100.0, "%", 1),
    "m3": (1.0, "m³", 0),
    "mm": (1_000.0, "mm", 0),
    "count": (1.0, "", 0),
}

#: Indicators whose unit "1" is a share, or a count of something.
_VITAL_UNIT: Final = {"lit_ratio": "ratio", "on_time_ratio": "ratio"}
_COUNTED: Final = {"dry_people": "unit.people", "open_cases": "unit.cases", "free_crews": "unit.crews"}


def scaled(unit: str) -> tuple[float, str, int]:
    """Factor, unit on the screen and decimals of an SI unit."""
    return _SCALE.get(unit, (1.0, unit, 1))


def vital_scale(sign: Vital, words: Words) -> tuple[float, str, int]:
    """The same for an indicator; counts carry the word of what is counted."""
    if sign.key in _COUNTED:
        return 1.0, words(_COUNTED[sign.key], n=round(sign.value or 0)), 0
    return scaled(_VITAL_UNIT.get(sign.key, sign.unit))


def curve_scale(curve: Curve) -> tuple[float, str, int]:
    """The same for a curve."""
    return scaled(curve.unit)


def rounded(value: float | None, scale: tuple[float, str, int]) -> float | None:
    """A value in the unit of the screen."""
    return None if value is None else round(value * scale[0], scale[2])


def span(ms: float, words: Words) -> str:
    """A length of time in its two greatest units."""
    seconds = int(abs(ms) // SECOND_MS)
    if seconds < 60:
        return f"{seconds} {words('unit.s')}"
    minutes = int(abs(ms) // MINUTE_MS)
    if minutes < 60:
        return f"{minutes} {words('unit.min')}"
    if minutes < 48 * 60:
        rest = f" {minutes % 60} {words('unit.min')}" if minutes % 60 else ""
        return f"{minutes // 60} {words('unit.h')}{rest}"
    rest = f" {minutes // 60 % 24} {words('unit.h')}" if minutes // 60 % 24 else ""
    return f"{minutes // 1440} {words('unit.d')}{rest}"


def fact(key: str, value: Fact, words: Words) -> str:
    """A fact's value in words; what is text stays text."""
    if isinstance(value, str):
        return value
    unit = words.unit.get(key, "")
    match unit:
        case "yes":
            return words("value.yes") if value else words("value.no")
        case "road":
            return words(f"value.road{int(value)}")
        case "s":
            return span(value * SECOND_MS, words)
        case "":
            return f"{value:g}"
        case _:
            scale = scaled(unit)
            return f"{value * scale[0]:,.{scale[2]}f} {scale[1]}".rstrip()
