"""What the brain notices, in messages: anomalies and events from what devices said, and when all is normal again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from brain.awareness.attention import Attention
from brain.awareness.lamps import FEEDER_DARK, LampFinding
from brain.awareness.supply import SupplyAnomaly, SupplyRules
from brain.events.judging import BURST, BurstRules, judge_burst, place_of
from brain.ground import Ground, row_of
from brain.model import EventRaised, Message, Place
from brain.parameter import bind
from brain.state import Case, Incident
from datahub.contract.city import City
from datahub.contract.clock import local_date
from datahub.contract.codes import Certainty
from datahub.contract.observations import Ints
from datahub.queries import Queries


class CitySenses:
    """The senses of one city.

    Args:
        queries: the one door for reading what devices said.
        saved: what ``state`` gave before a restart.
    """

    def __init__(self, city: City, queries: Queries, saved: Mapping[str, NDArray[np.generic]]) -> None:
        self._city, self._queries = city, queries
        self._attention = Attention(city, queries, saved=saved)
        self._day = local_date(0)
        self._rules = bind(BurstRules, "burst", day=self._day)
        self._told: set[int] = set()
        self._ground = Ground(city, self.movers)

    @property
    def attention(self) -> Attention:
        """The watches themselves, for curves with their normal bands."""
        return self._attention

    def look(self, t: int, open_incidents: Sequence[Incident]) -> Iterator[Message]:
        """What is newly noticed at ``t`` [ms]; what follows from valves that are closed is not wondered at."""
        if local_date(t) != self._day:
            self._day = local_date(t)
            self._rules = bind(BurstRules, "burst", day=self._day)
        self._tell([valve for each in open_incidents for valve in each.closed_valves])
        noticed = self._attention.tick(t)
        if noticed.supply is not None:
            yield from self._supply(noticed.supply, [each.place for each in open_incidents if each.type == BURST])
        for finding in noticed.lamps:
            yield self._lamp(finding)

    def _supply(self, found: SupplyAnomaly, open_at: Sequence[Place]) -> Iterator[Message]:
        yield found.message
        event = judge_burst(self._city, found.message, found.ranking, open_at=open_at, rules=self._rules)
        if event is not None:
            loggers = tuple(int(device) for device in found.message.evidence)
            pipe = event.place.object
            facts = event.facts | self._ground.shutdown(pipe).facts | self._ground.pipe_facts(pipe)
            place = self._gridded(event.place)
            yield msgspec.structs.replace(event, devices=event.devices or loggers, place=place, facts=facts)

    def _lamp(self, found: LampFinding) -> EventRaised:
        table = self._city.objects["lamp_feeder" if found.type == FEEDER_DARK else "pole"]
        row = row_of(table, found.object)
        place = (
            Place(lon=0.0, lat=0.0, object=found.object)
            if row is None
            else self._gridded(place_of(self._city, table, row))
        )
        name = f"{found.type}-{found.object}-{found.t}"
        facts: dict[str, float | str] = {"devices_count": float(len(found.devices))}
        return EventRaised(
            t=found.t,
            id=name,
            type=found.type,
            place=place,
            certainty=Certainty.LIKELY,
            facts=facts,
            devices=found.devices,
        )

    def _gridded(self, place: Place) -> Place:
        return msgspec.structs.replace(place, grid=self._ground.grid(place.lon, place.lat))

    def normal(self, incident: Incident) -> bool:
        """Whether the loggers that gave an incident away are back in their band for long enough.

        Not while the picture of the mains still has valves of it closed that have just been opened.
        """
        ours = {*incident.shutdown.motorised, *incident.shutdown.manual}
        if (self._told & ours) - set(incident.closed_valves):
            return False
        return self._attention.recovered(incident.devices)

    def well(self, case: Case) -> bool | None:
        """Whether the lamp (or most of the section) was seen burning since it was handled; None: nothing tells."""
        lamps = self._attention.lamps
        if lamps is None:
            return None
        seen = lamps.feeder_burning_since if case.type == FEEDER_DARK else lamps.burning_since
        return seen(case.place.object, case.handled)

    def _tell(self, closed_valves: Sequence[int]) -> None:
        self._told = set(closed_valves)
        valves = self._city.water.valves
        rows = [row for code in closed_valves if (row := row_of(valves, code)) is not None]
        if self._attention.supply is not None:
            self._attention.supply.close_valves(rows)

    def over(self, type: str, object: int) -> None:  # noqa: A002
        """A matter is closed or dismissed: judge afresh."""
        if type == BURST and self._attention.supply is not None:
            self._attention.supply.over()
        elif type != BURST and self._attention.lamps is not None:
            self._attention.lamps.forget(object)

    def attentive(self, heard_s: float) -> dict[str, float]:
        """How well the watch over the mains listens, after having heard the city for so long [s].

        Share of the windows judged that lie after its learning (1 where none does), share of the loggers believed.
        """
        supply = self._attention.supply
        rules = supply.rules if supply else bind(SupplyRules, "supply", day=self._day)
        due = rules.windows(heard_s) - rules.windows(rules.learn_s) - 1
        judged = min(supply.judged / due, 1.0) if supply and due > 0 else float(due <= 0)
        believed = float(supply.health.ok().mean()) if supply and len(supply.loggers) else float(due <= 0)
        return {"windows_judged_ratio": round(judged, 4), "loggers_believed_ratio": round(believed, 4)}

    def movers(self, kind: str) -> tuple[Ints, Ints]:
        """(device codes, codes of the objects they watch) of all devices of a kind that have been born."""
        if all(known.name != kind for known in self._queries.kinds()):
            nothing = np.zeros(0, np.int64)
            return nothing, nothing
        found = self._queries.devices(kind=kind)
        return found.device, found.object

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays by name."""
        return self._attention.state()
