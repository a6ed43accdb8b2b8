"""A handful of devices and the packs they send: what the tests of the hub stand on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch, concatenate
from datahub.hub import Hub
from datahub.transport.local import LocalBus

T0 = 1_760_000_000_000
MINUTE = 60_000
GATEWAY = 4404_0200_0000_0001
NAMES = ("volume_m3", "leakage_current_a", "noise_dba")

POST = KindDescriptor(
    name="smart_pole",
    zh="灯杆",
    en="pole",
    properties=(
        PropertyDescriptor("leakage_current_a", 0.001, 0.0, 1.0, 300.0),
        PropertyDescriptor("noise_dba", 0.1, 30.0, 130.0, 300.0, may_rest_s=1800.0, rate_s=1.0),
    ),
    commands=("dim",),
    report_s=300.0,
)
METER = KindDescriptor(
    name="water_meter",
    zh="水表",
    en="meter",
    properties=(PropertyDescriptor("volume_m3", 0.001, 0.0, 1e6, 3600.0, cumulative=True),),
    report_s=86_400.0,
)


def births(
    kind: KindDescriptor = METER, *, devices: Sequence[int], nodes: Sequence[int] | None = None, epoch: int = T0
) -> BirthBatch:
    """Devices of one kind that say they are there; each its own node unless nodes are given."""
    device = np.array(devices, np.int64)
    n = len(device)
    return BirthBatch(
        kind=kind,
        node=device if nodes is None else np.array(nodes, np.int64),
        epoch=np.full(n, epoch, np.int64),
        device=device,
        object=device + 1_000_000,
        lon=113.5 + np.arange(n) * 0.001,
        lat=np.full(n, 22.2),
    )


def pack(
    node: int,
    readings: Sequence[tuple[int, str, int, float]],
    *,
    first: int = 0,
    epoch: int = T0,
    result_time: int | None = None,
) -> ObservationBatch:
    """One pack of readings (device, property, phenomenon_time, value); names unknown to the town may be used too."""
    names = (*NAMES, *sorted({one[1] for one in readings} - set(NAMES)))
    times = [one[2] for one in readings]
    return ObservationBatch(
        properties=names,
        node=np.array([node], np.int64),
        epoch=np.array([epoch], np.int64),
        first=np.array([first], np.int64),
        result_time=np.array([max(times, default=T0) if result_time is None else result_time], np.int64),
        offset=np.array([0, len(readings)], np.int64),
        device=np.array([one[0] for one in readings], np.int64),
        property=np.array([names.index(one[1]) for one in readings], np.int16),
        phenomenon_time=np.array(times, np.int64),
        value=np.array([one[3] for one in readings], np.float64),
    ).check()


def joined(packs: Sequence[ObservationBatch]) -> ObservationBatch:
    """Packs in one batch."""
    return concatenate(packs)


class Town:
    """A hub with both ends of its wire."""

    def __init__(self, directory: Path | None = None, *, start: int | None = T0, run: str = "test") -> None:
        self.bus = LocalBus()
        self.field = self.bus.field_end
        self.hub = Hub("harbour", "440499", directory, self.bus.city_end, run=run, start=start)

    def send(self, *messages: object) -> None:
        """Messages go up and are taken in together."""
        for message in messages:
            self.field.send(message)  # type: ignore[arg-type]
        self.hub.intake()

    def vanish(self) -> None:
        """The process ends here, without a good-bye: nothing is written any more."""
        self.hub.observations.close()
        self.hub.store.close()

    def stored(self) -> list[tuple[int, int, int, float, int]]:
        """All readings in the column store: device, property, time, value, quality; sorted."""
        self.hub.flush()
        found = self.hub.observations.ask(
            "SELECT device, property, phenomenon_time, value, quality FROM observation ORDER BY ALL"
        )
        return list(zip(*(column.tolist() for column in found.values()), strict=True))
