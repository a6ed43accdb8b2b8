"""Three meters and three lamps that live in vendors' clouds, and a hub with a bridge to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, log10
from pathlib import Path

import httpx
import numpy as np

from datahub.bridges.bridged import Bridged
from datahub.bridges.desk import Bridges
from datahub.bridges.errands import Couriers
from datahub.bridges.joined import JoinedBus
from datahub.connector import Exchange
from datahub.connectors.feeds import feed_manifest, feeds, load_cloud, load_feed
from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.messages import Command, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch, offsets
from datahub.contract.topics import Topics
from datahub.devices.coding import BRIDGE_CLASS, encode
from datahub.feed import Cloud, Pulled, Pushed, Said, Told, converse
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from sensors.kind import load_kinds

T = 1_750_000_000_000 - 1_750_000_000_000 % HOUR_MS

SOURCE = "192.0.2.1"
"""Where posts come from."""
SECRET = "between us"
METER = KindDescriptor(
    "water_meter",
    "水表",
    "meter",
    (
        PropertyDescriptor("volume_m3", 0.001, 0, 99_999.999, 3_600, cumulative=True),
        PropertyDescriptor("battery_v", 0.001, 0, 4, 86_400),
    ),
    (),
    86_400,
)
LAMP = KindDescriptor(
    "smart_pole",
    "灯杆",
    "pole",
    (
        PropertyDescriptor("lamp_power_w", 0.1, 0, 300, 300),
        PropertyDescriptor("dimming_ratio", 0.01, 0, 1, 300),
        PropertyDescriptor("leakage_current_a", 0.0001, 0, 0.3, 300),
        PropertyDescriptor("air_temperature_c", 0.1, -40, 60, 300),
    ),
    ("dim",),
    300,
)
KIND = {vendor: load_kinds()[feed_manifest(vendor).kind] for vendor in feeds()}
KINDS = {vendor: kind.descriptor for vendor, kind in KIND.items()} | {"metercloud": METER, "lampcloud": LAMP}
DEVICES = {vendor: encode("990101", kind.code, np.arange(1, 4)) for vendor, kind in KIND.items()}
NODES = {vendor: int(encode("990100", BRIDGE_CLASS, n)[0]) for n, vendor in enumerate(feeds(), 1)}
CABINET = int(encode("990101", KIND["lampcloud"].gateway_code, 1)[0])


def ids(vendor: str) -> dict[int, str]:
    """What the vendor calls its devices."""
    head = f"{vendor[0].upper()}C"
    return {code: f"{head}-{n}" for n, code in enumerate(DEVICES[vendor].tolist(), 1)}


def cloud(vendor: str, *, also: Sequence[int] = (), seed: int = 1) -> Cloud:
    """The vendor's cloud; ``also`` are devices of its own of which the city knows nothing."""
    named = ids(vendor) | {code: f"XX-{n}" for n, code in enumerate(also, 1)}
    return load_cloud(vendor)(named, secret=SECRET, rng=np.random.default_rng(seed), since=T)


def pulled() -> Pulled:
    """The platform's side of the meter cloud."""
    feed = load_feed("metercloud", secret=SECRET)
    assert isinstance(feed, Pulled)
    return feed


def pushed() -> Pushed:
    """The platform's side of the lamp cloud."""
    feed = load_feed("lampcloud", secret=SECRET)
    assert isinstance(feed, Pushed)
    return feed


def report(
    node: int, rows: Sequence[tuple[int, str, int, float]], *, first: int, t: int, epoch: int = T
) -> ObservationBatch:
    """One pack of a device or its cabinet: (device, property, time, value)."""
    names = tuple(dict.fromkeys(row[1] for row in rows))
    return ObservationBatch(
        properties=names,
        node=np.array([node], np.int64),
        epoch=np.array([epoch], np.int64),
        first=np.array([first], np.int64),
        result_time=np.array([t], np.int64),
        offset=offsets(np.array([len(rows)], np.int64)),
        device=np.array([row[0] for row in rows], np.int64),
        property=np.array([names.index(row[1]) for row in rows], np.int16),
        phenomenon_time=np.array([row[2] for row in rows], np.int64),
        value=np.array([row[3] for row in rows]),
    ).check()


def node_of(vendor: str, device: int) -> int:
    """Code of the node through which a device of the vendor speaks to its cloud."""
    gateway = KIND[vendor].gateway_code
    return int(encode("990101", gateway, 1)[0]) if gateway else device


def speak(vendor: str, to: Cloud) -> int:
    """Every device says once the middle of all that its kind observes; how many readings that is."""
    packs: dict[int, list[tuple[int, str, int, float]]] = {}
    for code in DEVICES[vendor].tolist():
        for prop in KINDS[vendor].properties:
            steps, digits = round((prop.low + prop.high) / 2 / prop.resolution), -floor(log10(prop.resolution))
            row = (code, prop.name, T, round(steps * prop.resolution, max(digits, 0)))
            packs.setdefault(node_of(vendor, code), []).append(row)
    for node, rows in packs.items():
        to.hear(report(node, rows, first=0, t=T), t=T)
    return sum(map(len, packs.values()))


def orders(vendor: str) -> list[Command]:
    """Every order that the first device takes by its kind, each with the middle of what its arguments may be."""
    kind, device = KIND[vendor].descriptor, int(DEVICES[vendor][0])
    return [
        Command(f"{name}-1", node_of(vendor, device), device, name, T, T + HOUR_MS, {
            one.name: (one.low + one.high) / 2 for one in kind.arguments or () if one.command == name
        })
        for name in kind.commands
    ]  # fmt: skip


def meters_report(to: Cloud, *, hour: int, hour_ms: int = HOUR_MS) -> list[tuple[int, str, int, float]]:
    """Every meter says what it froze at an hour, which may be a short one."""
    t = T + hour * hour_ms
    rows = [
        (code, "volume_m3", t, round(100 * n + hour + 0.125, 3))
        for n, code in enumerate(DEVICES["metercloud"].tolist(), 1)
    ]
    for row in rows:
        to.hear(report(row[0], [row], first=hour, t=t + MINUTE_MS), t=t + MINUTE_MS)
    return rows


def lamps_report(to: Cloud, *, turn: int) -> list[tuple[int, str, int, float]]:
    """The cabinet says what its lamps measured at a turn of five minutes."""
    t = T + turn * 5 * MINUTE_MS
    rows = [
        (code, name, t, value)
        for code in DEVICES["lampcloud"].tolist()
        for name, value in (
            ("lamp_power_w", 118.5),
            ("dimming_ratio", 0.57),
            ("air_temperature_c", round(turn - 2.3, 1)),
        )
    ]
    to.hear(report(CABINET, rows, first=turn * len(rows), t=t), t=t)
    return rows


def read(feed: Pulled, to: Cloud, *, t: int, cursor: str = "") -> list[Said]:
    """Every page from a cursor on."""
    pages: list[Said] = []
    while not pages or pages[-1].more:
        pages.append(converse(feed.pull(cursor, t=t), lambda request: to.handle(request, t=t)))
        cursor = pages[-1].cursor
    return pages


def words(pages: Sequence[Said]) -> list[Told]:
    """Everything told, each word once."""
    return list({one.id: one for page in pages for one in page.told}.values())


def bridged(vendor: str, *, poll_s: float = 900) -> Bridged:
    """A bridge as declared."""
    device = DEVICES[vendor]
    manifest = feed_manifest(vendor)
    limits = manifest.limits
    return Bridged(
        vendor=vendor,
        node=NODES[vendor],
        kind=KINDS[vendor],
        ids=list(ids(vendor).values()),
        device=device,
        object=device,
        lon=np.full(len(device), 114.53),
        lat=np.full(len(device), 21.74),
        feed=load_feed(vendor, secret=SECRET),
        commands=manifest.commands,
        settings=manifest.settings,
        poll_s=poll_s,
        page=limits.page,
        body_bytes=limits.body_bytes,
        repeats_s=limits.repeats_s,
    )


class Line:
    """The line to vendors' clouds, which may break."""

    def __init__(self, clouds: dict[str, Cloud]) -> None:
        self.clouds, self.calls = clouds, list[tuple[str, str]]()
        self.before: Callable[[httpx.Request], None] = lambda request: None

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        """The cloud's answer."""
        self.before(request)
        self.calls.append((department, request.url.path))
        return self.clouds[department].handle(request, t=t)


class CloudTown:
    """A hub with a bridge to each cloud, driven by hand; without an exchange of its own they are next door."""

    def __init__(
        self,
        clouds: dict[str, Cloud],
        directory: Path | None = None,
        *,
        run: str = "test",
        exchange: Exchange | None = None,
        couriers: Couriers | None = None,
    ) -> None:
        self.bus = LocalBus()
        self.wire = JoinedBus(self.bus.city_end)
        self.hub = Hub("harbour", "990100", directory, self.wire, run=run, start=T, strict=True)
        self.line = Line(clouds)
        declared = [bridged(vendor) for vendor in sorted(clouds)]
        topics, room = Topics("harbour", run), self.hub.guard.room
        self.hub.commands.ways = {one.node: one.way for one in declared}
        self.bridges = Bridges(
            declared,
            self.hub.store,
            exchange or self.line,
            topics,
            room=room,
            refusals=self.hub.refusals,
            couriers=couriers,
        )
        self.wire.join(self.bridges)

    def turn(self, t: int) -> list[object]:
        """One quantum: ask and hand on, take in, evaluate."""
        self.bridges.turn(t)
        self.hub.intake(now=t)
        return list(self.hub.tick(t))

    def stored(self) -> list[tuple[int, str, int, float]]:
        """All readings in the column store: device, property, time, value; in the order of their sequences."""
        self.hub.flush()
        names = self.hub.registry.kinds.properties
        found = self.hub.observations.ask(
            "SELECT device, property, phenomenon_time, value FROM observation ORDER BY sequence, device"
        )
        rows = zip(*(column.tolist() for column in found.values()), strict=True)
        return [(device, names[prop], t, value) for device, prop, t, value in rows]

    def vanish(self) -> None:
        """The process ends here, without a good-bye."""
        self.hub.observations.close()
        self.hub.store.close()
