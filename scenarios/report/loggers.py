"""Which loggers the report shows, what people call them, and in which direction a flow counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from brain.awareness.loggers import INLET, PLANT, TRUNK
from brain.console.land import Land
from brain.console.look import Look
from brain.console.traces import place_of
from brain.views import Curve as Watched
from brain.views import Name
from datahub.contract.city import City
from datahub.contract.observations import Floats
from scenarios.survey.city import sites
from sensors.kind import load_kinds

SITES: Final = {PLANT: "plant", TRUNK: "trunk", INLET: "inlet"}
KINDS: Final = {"pressure_logger": "pressure_pa", "flow_logger": "flow_m3_s"}
NOWHERE: Final = Name("", "")


@dataclass(frozen=True, slots=True)
class Logger:
    """One logger of the supply network.

    Attributes:
        name: as the operations centre calls the place.
        sign: by which a flow [m³/s, from a to b of its pipe] is multiplied to run as ``forward`` says.
        forward, backward: where to a flow runs whose value is positive, or negative, then; empty for a pressure.
    """

    device: int
    property: str
    site: str
    name: Name
    sign: float = 1.0
    forward: Name = NOWHERE
    backward: Name = NOWHERE

    def directed(self, value: Floats) -> tuple[float, Name]:
        """By what to multiply a series so that most of it is positive, and where to it runs then."""
        back = self.property == "flow_m3_s" and float(np.nanmedian(value)) * self.sign < 0
        return (-self.sign, self.backward) if back else (self.sign, self.forward)


def loggers_of(city: City) -> dict[int, Logger]:
    """Every logger of a city, by device code."""
    found: dict[int, Logger] = {}
    land, kinds = Land(city), load_kinds()
    for kind, property_ in KINDS.items():
        there = sites(city, kinds[kind])
        for at, device in enumerate(there.device.tolist()):
            site = SITES[int(there.columns["place"][at])]
            watched = Watched(
                device, property_, Name("", ""), "", (), (), lon=there.lon[at], lat=there.lat[at], site=site
            )
            zh, en = (place_of(watched, Look(lang=lang), land) for lang in ("zh", "en"))
            if property_ == "flow_m3_s":
                pipe, zone = int(there.columns["pipe"][at]), int(there.columns["zone"][at])
                found[device] = _flow(device, site, Name(zh, en), city, land, pipe=pipe, zone=zone)
            else:
                found[device] = Logger(device, property_, site, Name(zh, en))
    return found


def _flow(device: int, site: str, name: Name, city: City, land: Land, *, pipe: int, zone: int) -> Logger:
    """A flow counts out of a plant and into a zone; on a trunk main, towards one of its ends."""
    nodes, pipes = city.water.nodes, city.water.pipes
    a, b = int(pipes.columns["a"][pipe]), int(pipes.columns["b"][pipe])
    if site == "plant":
        sign = 1.0 if nodes.columns["source"][a] else -1.0
        return Logger(device, "flow_m3_s", site, name, sign, Name("出厂", "out of it"), Name("回流", "back into it"))
    if site == "inlet":
        sign = -1.0 if int(nodes.columns["zone"][a]) == zone else 1.0
        return Logger(
            device,
            "flow_m3_s",
            site,
            name,
            sign,
            Name("流入分区", "into the zone"),
            Name("流出分区", "out of the zone"),
        )
    forward, backward = (_towards(land, float(nodes.lon[end]), float(nodes.lat[end])) for end in (b, a))
    return Logger(device, "flow_m3_s", site, name, 1.0, forward, backward)


def _towards(land: Land, lon: float, lat: float) -> Name:
    near = land.near(lon, lat)
    return Name("", "") if near is None else Name(f"往{land.short(near.zh)}", f"towards {land.short(near.en)}")


def chosen(
    loggers: dict[int, Logger], evidence: dict[int, float], *, most: int = 4, heard: Sequence[int]
) -> list[Logger]:
    """The loggers to show: those that deviated most, and always a plant's flow and a pressure (of those ``heard``)."""
    ranked = sorted(evidence, key=lambda device: (-abs(evidence[device]), device))
    shown = [loggers[device] for device in ranked[:most] if device in loggers]
    rest = [loggers[device] for device in heard if device in loggers]
    if not any(it.property == "flow_m3_s" and it.site == "plant" for it in shown):
        shown += [it for it in rest if it.property == "flow_m3_s" and it.site == "plant"][:1]
    if not any(it.property == "pressure_pa" for it in shown):
        shown += sorted((it for it in rest if it.property == "pressure_pa"), key=lambda it: it.site != "plant")[:1]
    return shown
