"""Units as SensorThings tells them: name, symbol, a definition by UCUM (ucum.org); and the way back to our names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from datahub.contract.units import UNITS, written_unit

_UCUM: Final[Mapping[str, tuple[str, str]]] = {
    "W": ("watt", "W"),
    "V": ("volt", "V"),
    "A": ("ampere", "A"),
    "Pa": ("pascal", "Pa"),
    "K": ("kelvin", "K"),
    "degC": ("degree Celsius", "Cel"),
    "m": ("metre", "m"),
    "km": ("kilometre", "km"),
    "m3": ("cubic metre", "m3"),
    "m3/s": ("cubic metre per second", "m3/s"),
    "m/s": ("metre per second", "m/s"),
    "s": ("second", "s"),
    "ms": ("millisecond", "ms"),
    "d": ("day", "d"),
    "lx": ("lux", "lx"),
    "deg": ("degree", "deg"),
    "dB(A)": ("decibel, A-weighted", "dB"),
    "%": ("percent", "%"),
    "1": ("one", "1"),
    "kg/m3": ("kilogram per cubic metre", "kg/m3"),
    "ug/m3": ("microgram per cubic metre", "ug/m3"),
    "mg/L": ("milligram per litre", "mg/L"),
    "1/100mL": ("per hundred millilitres", "/(100.mL)"),
    "NTU": ("nephelometric turbidity unit", "[NTU]"),
}
"""Unit as declarations write it -> its name and its UCUM code (case sensitive). UCUM has no code for A-weighting
nor for turbidity; the former is told as plain decibel, the latter in square brackets, as its arbitrary units are."""

_ENDINGS: Final = {
    **{unit.written: ending for ending, unit in reversed(UNITS.items())},
    "1": "_ratio",
    "°C": "_c",
    "Cel": "_c",
    "dB": "_dba",
    "µg/m3": "_ug_m3",
    "m³": "_m3",
    "m³/s": "_m3_s",
    "µg/m³": "_ug_m3",
    "°": "_deg",
}


@cache
def unit_of_measurement(property_name: str) -> Mapping[str, object]:
    """The unit that a property's name carries; nulls where it carries none (clause 8.2.4: a unit may be null)."""
    unit = written_unit(property_name)
    if unit is None:
        return {"name": None, "symbol": None, "definition": None}
    name, code = _UCUM.get(unit, (unit, unit))
    return {"name": name, "symbol": unit, "definition": f"ucum:{code}"}


def property_name(observed: str, unit: Mapping[str, object]) -> str:
    """The name by which the hub keeps what somebody observes in a unit: ``sta_``, words, and the unit's ending.

    A name of its own, so that nothing which is decided on readings of known devices hears of it. A unit that no name
    of ours carries is left to the datastream, which tells it.
    """
    words = re.sub(r"[^a-z0-9]+", "_", observed.lower()).strip("_")[:40] or "observed"
    if written_unit(words) is not None:
        words = words if written_unit(words) == unit.get("symbol") else f"{words}_value"
    ending = _ENDINGS.get(str(unit.get("symbol"))) or _ENDINGS.get(str(unit.get("definition")).removeprefix("ucum:"))
    return f"sta_{words}" if ending is None or written_unit(words) is not None else f"sta_{words}{ending}"
