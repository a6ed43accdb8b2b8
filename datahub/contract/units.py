"""Conversions at the edge: SI inside, and the unit in the name of everything that travels."""

from __future__ import annotations

from typing import Final

#: Suffix of a property's name -> SenML unit (RFC 8428 section 12.1, RFC 8798; "" where neither has one).
SENML_UNIT: Final[dict[str, str]] = {
    "_w": "W",
    "_v": "V",
    "_a": "A",
    "_pa": "Pa",
    "_k": "K",
    "_m": "m",
    "_m3": "m3",
    "_m3_s": "m3/s",
    "_m_s": "m/s",
    "_lx": "lx",
    "_deg": "deg",
    "_s": "s",
    "_ratio": "/",
    "_count": "count",
    "_kg_m3": "kg/m3",
    "_dba": "dBA",
    "_state": "",
    "_c": "Cel",
    "_percent": "%",
    "_ug_m3": "ug/m3",
}

PASCAL_PER_METRE: Final = 9_806.65
"""Pressure of one metre of water head [Pa/m]: 1 000 kg/m3 x 9.80665 m/s2 (standard gravity, ISO 80000-3)."""

_LONGEST_FIRST = sorted(SENML_UNIT, key=len, reverse=True)


def unit_of(name: str) -> str:
    """SenML unit of a property, read off its name's suffix.

    Raises:
        KeyError: if the name carries no known unit.
    """
    for suffix in _LONGEST_FIRST:
        if name.endswith(suffix):
            return SENML_UNIT[suffix]
    raise KeyError(f"property '{name}' carries no unit; end its name in one of {', '.join(sorted(SENML_UNIT))}")
