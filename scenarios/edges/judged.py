"""What came of edge nodes in a run: how quickly they acted, what was lost, and how both sides came to agree again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.devices.shadow import ACTED_LOCALLY
from scenarios.given import Given, devices_at
from scenarios.outside import Outside
from scenarios.platform import Platform
from sensors.world.disturbance import Disturbance
from sensors.world.world import row_of

WITNESS = "leakage_current_a"
"""The property by which the judge counts readings: every pole says it with every report."""

MANY = 1_000_000
"""More lines than any run's audit has."""


@dataclass(slots=True)
class EdgeWatch:
    """Both sides of the wire about edge nodes, for the judge alone; nothing where no uplink is cut and no pole leaks.

    Attributes:
        stopped: when each leak (its place among the disturbances) stopped [ms].
        reconciled: when after each cut both sides agreed about every device again [ms].
        heard: devices that the hub heard, minute by minute, though their uplink was cut.
        fullest: most readings that one node has kept.
    """

    outside: Outside
    platform: Platform
    given: Given
    stopped: dict[int, int] = field(default_factory=dict)
    reconciled: dict[int, int] = field(default_factory=dict)
    heard: int = 0
    fullest: int = 0

    def look(self) -> None:
        """Note how things stand now; called once a quantum."""
        now = int(self.outside.env.now)
        for place, it in enumerate(self.outside.disturbances):
            if it.kind == "pole_leak" and it.at <= now:
                self._look_at_leak(place, it, now)
            elif it.kind == "uplink_cut" and it.at < now < it.at + it.lasts:
                self._look_at_cut(place, it)
            elif it.kind == "uplink_cut" and it.at < now and place not in self.reconciled and self._agree(place):
                self.reconciled[place] = now

    def kpis(self) -> dict[str, float]:
        """Figures of the run. Units in the names."""
        places = dict(enumerate(self.outside.disturbances))
        cuts = [place for place, it in places.items() if it.kind == "uplink_cut"]
        if not cuts and not any(it.kind == "pole_leak" for it in places.values()):
            return {}
        edges = self.outside.field.edges.values()
        told = [row for row in self.platform.hub.queries.audit(limit=MANY) if row.action == ACTED_LOCALLY]
        kpis = {
            "edge_acted": float(sum(edge.acted for edge in edges)),
            "edge_untold": sum(edge.acted for edge in edges) - float(sum("; rule '" in row.detail for row in told)),
            "edge_heard_while_cut": float(self.heard),
            "edge_orders_expired": float(self._ended(AckStatus.EXPIRED)),
            "edge_orders_refused": float(self._ended(AckStatus.REJECTED)),
            "edge_wishes_refused": float(len({row.subject for row in told if "is refused" in row.detail})),
            "edge_readings_forgone": float(sum(int(it.forgone.sum()) for it in self.outside.field.fleets.values())),
        }
        if edges:
            kpis["edge_memory_ratio"] = self.fullest / min(edge.spec.memory_readings for edge in edges)
        if len(self.stopped) == sum(it.kind == "pole_leak" for it in places.values()) and self.stopped:
            kpis["edge_response_s"] = max(t - places[place].at for place, t in self.stopped.items()) / SECOND_MS
        if cuts:
            kpis["edge_gap_s"] = max(self._gap_s(place, places[place]) for place in cuts)
        if cuts and len(self.reconciled) == len(cuts):
            ends = {place: places[place].at + places[place].lasts for place in cuts}
            kpis["edge_reconciled_s"] = max(t - ends[place] for place, t in self.reconciled.items()) / SECOND_MS
        return kpis

    def _look_at_leak(self, place: int, it: Disturbance, now: int) -> None:
        street, poles = self.outside.world.street, self.outside.world.city.objects["pole"]
        current = street.fault_current_a(np.array([row_of(poles, it.object)]))[0]
        if current > 0:
            self.stopped.pop(place, None)
        else:
            self.stopped.setdefault(place, now)

    def _look_at_cut(self, place: int, it: Disturbance) -> None:
        devices = devices_at(self.outside, place)
        latest = self.platform.hub.queries.latest(WITNESS, devices)
        self.heard += int(np.count_nonzero(latest.phenomenon_time > it.at))
        each = self.outside.field.fleets["smart_pole"].outbox.in_flight_of_each()
        self.fullest = max(self.fullest, int(each.max(initial=0)))

    def _agree(self, place: int) -> bool:
        """Whether nothing of a cabinet is on its way any more, and the shadows are what its devices are."""
        fleet, queries = self.outside.field.fleets["smart_pole"], self.platform.hub.queries
        edge = self.outside.field.edges.get("smart_pole")
        devices = devices_at(self.outside, place)
        rows = np.searchsorted(fleet.sites.device, devices)
        if fleet.outbox.in_flight_of_each()[fleet.nodes.of[rows]].any() or edge is None:
            return False
        for device, row in zip(devices.tolist(), rows.tolist(), strict=True):
            shadow, state = queries.shadow(device), edge.state(row)
            if shadow.reported and not state.items() <= shadow.reported.items():
                return False
            if shadow.delta and not any("is refused" in row.detail for row in queries.audit(subject=str(device))):
                return False
        return True

    def _ended(self, status: AckStatus) -> int:
        known = (self.platform.hub.commands.status(id_) for ids in self.given.ids.values() for id_ in ids)
        return sum(it is not None and it.status == status for it in known)

    def _gap_s(self, place: int, it: Disturbance) -> float:
        """Longest time between two stored readings of any device behind a cut, from before it until after it [s]."""
        since, until = it.at - 10 * MINUTE_MS, it.at + it.lasts + 10 * MINUTE_MS
        rows = self.platform.hub.queries.window(WITNESS, start=since, end=until)
        longest = 0
        for device in devices_at(self.outside, place).tolist():
            times = np.sort(rows.phenomenon_time[rows.device == device])
            ends = np.concatenate(([since], times, [until]))
            longest = max(longest, int(np.diff(ends).max()))
        return longest / SECOND_MS
