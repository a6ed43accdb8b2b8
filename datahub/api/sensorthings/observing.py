"""Observations that are created: they enter the hub as those of any device do.

A datastream that was created stands in the registry as a device of its own, which is its own node: it has a unified
code (class 2299, the ordinal is the datastream's id), is born, and numbers its readings. So they pass the same checks,
count in the same ledger, and lie in the same store as all others; what it sends too much puts it into quarantine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from datahub.api.problems import Problem
from datahub.api.sensorthings.derived import OWN_KIND
from datahub.api.sensorthings.grammar import moment, wrong
from datahub.api.sensorthings.model import Entity, EntitySet, relation
from datahub.api.sensorthings.source import Source
from datahub.api.sensorthings.units import property_name
from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch
from datahub.devices import coding
from datahub.ingest import event_time

_LARGEST: Final = 1e15
_PERIOD_S: Final = 1.0
"""What a created datastream promises: one reading a second; the hub bears ten times that (``limits.toml``)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation to be: when it was so [ms], what, and when that was said [ms; None: now]."""

    t: int
    value: float
    said: int | None


class Observing:
    """Lets created datastreams speak."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def bear(self, stream: Entity, *, lon: float, lat: float) -> Entity:
        """Give a datastream that was just created its device.

        Raises:
            Problem: 409, if the hub does not let it in.
        """
        hub, now = self._source.hub, self._source.now()
        device = int(coding.encode(hub.adcode, coding.CREATED_CLASS, int(stream.key))[0])
        observed = self._source.find(EntitySet.OBSERVED_PROPERTIES, stream.links["ObservedProperty"][0])
        unit = stream.fields["unitOfMeasurement"]
        name = property_name(str(observed.fields["name"]), unit if isinstance(unit, dict) else {})
        thing = str(stream.links["Thing"][0])
        code = np.array([device], np.int64)
        birth = BirthBatch(
            kind=_kind(name),
            node=code,
            epoch=np.array([now], np.int64),
            device=code,
            object=np.array([int(thing) if thing.isdecimal() and len(thing) == 17 else device], np.int64),
            lon=np.array([lon]),
            lat=np.array([lat]),
        )
        hub.take_in([birth])
        if hub.registry.row(device) < 0:
            why = next((one.detail for one in hub.queries.rejected(limit=1)), "no reason is told")
            raise Problem(409, f"the hub does not let the datastream in: {why}")
        return self._source.created.change(stream, speaks=(device, name))

    def observe(self, stream: Entity, readings: Sequence[Reading]) -> list[Entity]:
        """Hand readings to the hub; they are durable when this returns.

        Raises:
            Problem: 409, if the hub does not take them.
        """
        hub = self._source.hub
        if stream.device in hub.guard.held:
            raise Problem(409, "the datastream is in quarantine, because it sent too much; an operator lets it out")
        with hub.store.lock:
            row = int(hub.registry.nodes.row(stream.device))
            first, epoch = int(hub.registry.nodes.next[row]), int(hub.registry.nodes.epoch[row])
            before = hub.ledger.totals().stored
            hub.take_in([self._pack(stream, readings, first=first, epoch=epoch)])
            stored = hub.ledger.totals().stored - before
        if stored != len(readings):
            why = next((one.reason for one in hub.queries.rejected(limit=1)), "no reason is told")
            raise Problem(409, f"the hub took {stored} of {len(readings)} observations: {why}")
        made = [
            self._source.readings.entity(
                stream.device,
                stream.says,
                t=one.t,
                value=one.value,
                quality=0,
                sequence=first + i,
                said=one.said,
            )
            for i, one in enumerate(readings)
        ]
        for one in made:
            self._source.readings.remember(one)
        return made

    def _pack(self, stream: Entity, readings: Sequence[Reading], *, first: int, epoch: int) -> ObservationBatch:
        """One pack for each time at which something was said, in the order in which it is numbered."""
        now = self._source.now()
        said = np.array([now if one.said is None else one.said for one in readings], np.int64)
        starts = np.flatnonzero(np.concatenate([[True], said[1:] != said[:-1]]))
        code = np.full(len(readings), stream.device, np.int64)
        return ObservationBatch(
            properties=(stream.says,),
            node=code[starts],
            epoch=np.full(len(starts), epoch, np.int64),
            first=first + starts.astype(np.int64),
            result_time=said[starts],
            offset=np.append(starts, len(readings)).astype(np.int64),
            device=code,
            property=np.zeros(len(readings), np.int16),
            phenomenon_time=np.array([one.t for one in readings], np.int64),
            value=np.array([one.value for one in readings], np.float64),
        ).check()

    def read(self, stream: Entity, body: Mapping[str, object]) -> Reading:
        """An observation as somebody tells it.

        Raises:
            Problem: 400, saying what cannot be; 409, if its readings come from a device.
        """
        if not stream.own:
            raise Problem(
                409,
                f"what {stream.path} observes comes from device {stream.device}; create a datastream for your own",
            )
        kept = ("phenomenonTime", "resultTime", "result", "Datastream", "FeatureOfInterest")
        for name, value in body.items():
            if name not in kept and "@iot." not in name and value not in (None, {}, []):
                raise wrong(f"the hub keeps no '{name:.40}' with an observation; it keeps {', '.join(kept[:3])}")
        if "result" not in body:
            raise wrong("an observation has a result")
        now = self._source.now()
        t = _time(body.get("phenomenonTime"), "phenomenonTime")
        if t is not None and t > now + event_time.in_force().far_future_ms:
            raise wrong("phenomenonTime is more than a day ahead of city time")
        said = _time(body.get("resultTime"), "resultTime")
        return Reading(now if t is None else t, _result(stream, body["result"]), said)

    def feature(self, stream: Entity) -> Entity | None:
        """What a datastream's observations are about: named once, else the place of its thing."""
        known = stream.links.get("FeatureOfInterest")
        if known:
            return self._source.find(EntitySet.FEATURES_OF_INTEREST, known[0])
        to = relation(EntitySet.DATASTREAMS, "Thing")
        place = relation(EntitySet.THINGS, "Locations")
        things = self._source.related(stream, to) if to else ()
        for thing in things:
            for location in self._source.related(thing, place) if place else ():
                if not location.own:
                    return self._source.find(EntitySet.FEATURES_OF_INTEREST, location.key)
                told = {name: location.fields[name] for name in ("name", "description", "encodingType")}
                return self._source.created.add(
                    EntitySet.FEATURES_OF_INTEREST, {**told, "feature": location.fields["location"]}, {}
                )
        return None


def _kind(name: str) -> KindDescriptor:
    """The kind of the devices that say such a property."""
    return KindDescriptor(
        name=f"{OWN_KIND}{name}"[:64],
        zh="外部数据流",
        en="Datastream from outside",
        properties=(PropertyDescriptor(name, 0.0, -_LARGEST, _LARGEST, _PERIOD_S),),
    )


def _time(value: object, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(f"{name} is a time in text, such as 2025-11-25T08:00:00Z")
    if "/" in value:
        raise wrong(f"{name} is an interval; the hub keeps moments")
    return moment(value).ms


def _result(stream: Entity, value: object) -> float:
    truth = str(stream.fields["observationType"]).endswith("OM_TruthObservation")
    if truth and isinstance(value, bool):
        return float(value)
    if truth or isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"the result of this datastream is {'true or false' if truth else 'a number'}, not '{value!s:.40}'")
    if not math.isfinite(value) or abs(value) > 1e300:
        raise wrong("the result is no finite number")
    return float(value)
