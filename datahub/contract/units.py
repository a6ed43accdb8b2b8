"""Conversions at the edge: SI inside, and the unit in the name of everything that travels or is declared."""

from __future__ import annotations

from typing import Final, NamedTuple


class Unit(NamedTuple):
    """The unit that a name's ending promises.

    Attributes:
        written: as declarations write it (``unit = "m3/s"``).
        senml: as it stands on the wire (RFC 8428 section 12.1, RFC 8798; "" for a state, which has none); None where
            no device says such a quantity, because SenML has no unit for it or SI is what travels.
    """

    written: str
    senml: str | None


_ENDINGS: Final[dict[str, Unit]] = {
    "_w": Unit("W", "W"),
    "_v": Unit("V", "V"),
    "_a": Unit("A", "A"),
    "_pa": Unit("Pa", "Pa"),
    "_k": Unit("K", "K"),
    "_c": Unit("degC", "Cel"),
    "_m": Unit("m", "m"),
    "_km": Unit("km", None),
    "_m3": Unit("m3", "m3"),
    "_m3_s": Unit("m3/s", "m3/s"),
    "_m_s": Unit("m/s", "m/s"),
    "_s": Unit("s", "s"),
    "_ms": Unit("ms", None),
    "_days": Unit("d", None),
    "_lx": Unit("lx", "lx"),
    "_deg": Unit("deg", "deg"),
    "_dba": Unit("dB(A)", "dBA"),
    "_percent": Unit("%", "%"),
    "_ratio": Unit("1", "/"),
    "_count": Unit("1", "count"),
    "_people": Unit("1", None),
    "_sigma": Unit("1", None),
    "_state": Unit("1", ""),
    "_kg_m3": Unit("kg/m3", "kg/m3"),
    "_ug_m3": Unit("ug/m3", "ug/m3"),
    "_mg_l": Unit("mg/L", None),
    "_ntu": Unit("NTU", None),
    "_per_100ml": Unit("1/100mL", None),
    "litres_per_person_day": Unit("L/(person d)", None),
}

#: Ending of a name -> unit, longest ending first: ``flow_m3_s`` is a flow, though it also ends in ``_s``.
UNITS: Final[dict[str, Unit]] = dict(sorted(_ENDINGS.items(), key=lambda each: (-len(each[0]), each[0])))

PASCAL_PER_METRE: Final = 9_806.65
"""Pressure of one metre of water head [Pa/m]: 1 000 kg/m3 x 9.80665 m/s2 (standard gravity, ISO 80000-3)."""


def unit_of(name: str) -> str:
    """SenML unit of a property, read off its name's ending.

    Raises:
        KeyError: if the name carries no unit that a device may speak in.
    """
    unit = _promised(name)
    if unit is None or unit.senml is None:
        spoken = sorted(ending for ending, each in UNITS.items() if each.senml is not None)
        raise KeyError(f"property '{name}' carries no unit; end its name in one of {', '.join(spoken)}")
    return unit.senml


def written_unit(name: str) -> str | None:
    """Unit in which a declared number of this name is written; None if the name carries none."""
    unit = _promised(name)
    return None if unit is None else unit.written


def _promised(name: str) -> Unit | None:
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), None)
