"""A town whose meters and lamps come partly by vendors' clouds: the same observations, and a ledger that closes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.codes import AckStatus
from datahub.contract.errors import DeclarationError, UsageError
from datahub.transport.local import LocalBus
from scenarios import outside as field_side
from scenarios import platform as city_side
from scenarios.bridging import behind, bridged, played, unsurveyed
from scenarios.exchange import DirectExchange
from scenarios.run import run_scenario
from scenarios.scenario import configured
from scenarios.simulation import doors_of, quantum
from scenarios.survey.city import load_city
from scenarios.survey.clouds import read_clouds
from sensors.chance import Seeds
from sensors.field import QUANTUM_MS
from sensors.kind import load_kinds

SEED = 3
#: Every link but none is lost: what a device says is there within the minute, by wire or by cloud.
SETTINGS = ['starts="2025-06-10T19:00:00+08:00"', "warmup.duration=5m", "warmup.kinds=[]", "faults.late=0.0"]


class Played:
    """Both sides of a story, driven by hand."""

    def __init__(self, city: City, *, bridges: bool, disturbance: str = "[]") -> None:
        more = [f"bridges={str(bridges).lower()}", f"disturbance={disturbance}"]
        scenario = configured("calm_day", city="harbour", duration=None, settings=[*SETTINGS, *more])
        bus = LocalBus()
        self.outside = field_side.assemble(scenario, city, bus.field_end, seed=SEED, run="t")
        hosts = self.outside.clouds.hosts if self.outside.clouds is not None else {}
        exchange = DirectExchange({**self.outside.stubs, **hosts}, Seeds(SEED))
        self.t = int(self.outside.env.now)
        speak_by_cloud = bridged(city, played(city, SEED)) if bridges else ()
        self.platform = city_side.assemble(
            city, bus.city_end, exchange, directory=None, run="t", start=self.t, bridged=speak_by_cloud
        )
        self.doors = doors_of(self.platform.bridges, hosts, Seeds(SEED))
        self.outside.begin()

    def go_on(self, hours: float) -> None:
        """Let so many hours pass; both equations of the ledger hold at every full hour."""
        ends = self.t + round(hours * HOUR_MS)
        while self.t < ends:
            self.t += QUANTUM_MS
            quantum(self.outside, self.platform, self.t, doors=self.doors)
            if self.t % HOUR_MS == 0:
                self.account()

    def account(self) -> None:
        """The ledger closes, and says so."""
        hub, bridges = self.platform.hub, self.platform.bridges
        published, in_flight = self.outside.ledger(bridged=bridges.numbered if bridges is not None else 0)
        tally = hub.queries.ledger()
        assert tally.closes()
        assert published == tally.stored + tally.rejected + in_flight - hub.queries.ahead()

    def stored(self, devices: set[int]) -> dict[tuple[int, str, int], float]:
        """The last word of some devices on each moment."""
        hub = self.platform.hub
        hub.flush()
        names = hub.registry.kinds.properties
        found = hub.observations.ask(
            "SELECT device, property, phenomenon_time, value FROM observation ORDER BY sequence"
        )
        rows = zip(*(column.tolist() for column in found.values()), strict=True)
        return {(d, names[p], t): value for d, p, t, value in rows if d in devices}


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("harbour")


@pytest.fixture(scope="module")
def bridged_evening(city: City) -> Iterator[Played]:
    story = Played(city, bridges=True)
    story.go_on(9)
    yield story
    story.platform.close()


def test_what_comes_by_clouds_is_what_would_have_come_by_the_wire(city: City, bridged_evening: Played) -> None:
    plain = Played(city, bridges=False)
    plain.go_on(6)  # what a cloud shows wrongly until then is corrected two hours later
    for vendor, fleet in city.clouds.items():
        devices = set(fleet.devices.values())
        by_wire, by_cloud = plain.stored(devices), bridged_evening.stored(devices)
        assert len(by_wire) > 2 * len(devices), vendor
        assert {one: by_cloud.get(one) for one in by_wire} == by_wire, vendor
    plain.platform.close()


def test_every_bridge_is_a_node_of_the_city_and_its_devices_speak_through_no_other(
    city: City, bridged_evening: Played
) -> None:
    registry = bridged_evening.platform.hub.registry
    for one in bridged(city, played(city, SEED)):
        mine = registry.node == one.node
        assert sorted(registry.device[mine].tolist()) == sorted(one.device.tolist())
    bridges = bridged_evening.platform.bridges
    assert bridges is not None
    assert all(view.told > 0 and view.refused == {} for view in bridges.views())
    assert registry.claims == []


def test_a_lamp_in_a_cloud_is_dimmed_through_its_vendor(bridged_evening: Played, city: City) -> None:
    story = bridged_evening
    lamp = min(city.clouds["lampcloud"].devices.values())
    hub, street = story.platform.hub, story.outside.world.street
    row = int(np.searchsorted(city.objects["pole"].code, int(hub.registry.object[hub.registry.row(lamp)])))
    assert street.dimming_ratio[row] != 0.35
    hub.commands.order(
        lamp, "dim", arguments={"level_ratio": 0.35}, t=story.t, expires=story.t + 10 * MINUTE_MS, id="dim"
    )
    story.go_on(5 / 60)
    status = hub.commands.status("dim")
    assert status is not None
    assert status.status is AckStatus.DONE
    assert street.dimming_ratio[row] == 0.35
    assert hub.shadows.get(lamp).reported == {"level_ratio": 0.35}


def test_a_cabinet_without_power_is_told_with_old_values_that_are_no_readings(city: City) -> None:
    lamp = min(city.clouds["lampcloud"].devices.values())
    story = Played(city, bridges=True)
    story.go_on(0.5)
    code = int(behind(city, city.clouds["lampcloud"]).sites.columns["feeder"][0])
    power = story.outside.world.power
    power.fail(code)
    story.go_on(0.5)
    bridges = story.platform.bridges
    assert bridges is not None
    view = next(view for view in bridges.views() if view.vendor == "lampcloud")
    assert view.held > 0
    last = max(t for device, _, t in story.stored({lamp}))
    assert last <= story.t - 25 * MINUTE_MS
    story.account()
    story.platform.close()


def test_a_bridged_story_is_the_same_over_a_broker(tmp_path: Path) -> None:
    outcomes = []
    for bus in ("local", "mqtt"):
        settings = ["bridges=true", "warmup.duration=5m"]
        asked = configured("calm_day", city="harbour", duration="30m", settings=settings)
        run_scenario("calm_day", asked, seed=5, bus=bus, out=tmp_path / bus, json=True)
        outcomes.append(json.loads((tmp_path / bus / "outcome.json").read_bytes()))
    local, mqtt = outcomes
    assert local["digest"] == mqtt["digest"]
    assert local["ledger"] == mqtt["ledger"]
    assert next(one for one in local["expectations"] if one["name"] == "ledger.closes")["held"]


# declarations


def test_every_listed_device_is_one_of_the_vendors_kind(city: City) -> None:
    assert set(city.clouds) == {"lampcloud", "metercloud"}
    assert [unsurveyed(city, fleet) for fleet in city.clouds.values()] == [[], []]


def test_a_thinned_city_has_those_of_its_devices_that_are_kept() -> None:
    small = load_city("harbour", scale=0.3)
    own = behind(small, small.clouds["metercloud"])
    assert 0 < len(own.ids) < len(small.clouds["metercloud"].devices)
    assert len(own.ids) == len(own.sites)


def test_a_list_that_tears_a_gateway_apart_is_refused(city: City) -> None:
    fleet = city.clouds["lampcloud"]
    part = dict(list(fleet.devices.items())[1:])
    with pytest.raises(UsageError, match="leaves out 1 devices that speak through the same gateway"):
        behind(city, type(fleet)(fleet.vendor, fleet.ordinal, fleet.poll_s, part))


def test_without_a_shared_secret_no_bridge_is_opened(city: City) -> None:
    with pytest.raises(UsageError, match="no secret is shared with the cloud 'lampcloud'"):
        bridged(city, {"metercloud": "x"})


TOML = 'vendor = "metercloud"\nordinal = 1\nsource = "invented"\n'
CODE = "99010122020000727"


@pytest.mark.parametrize(
    ("toml", "csv", "why"),
    [
        (TOML, "a,b\n", r"metercloud.csv:1: the first line is not vendor_id,device"),
        (TOML, "vendor_id,device\nMC1,12\n", r"metercloud.csv:2: 12 is no unified code"),
        (TOML, f"vendor_id,device\nMC1,{CODE}\nMC2,{CODE}\n", r"metercloud.csv:3: 'MC2' or \d+ stands in an earlier"),
        (TOML, "vendor_id,device\n,1\n", r"metercloud.csv:2: this is no vendor's id and code"),
        (TOML.replace("metercloud", "orderdesk"), "", r"vendor is 'orderdesk'; name the file orderdesk.toml"),
        (TOML + "weight = 1\n", "", r"unknown key 'weight'"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(tmp_path: Path, toml: str, csv: str, why: str) -> None:
    (tmp_path / "metercloud.toml").write_text(toml)
    (tmp_path / "metercloud.csv").write_text(csv)
    with pytest.raises(DeclarationError, match=why):
        read_clouds(tmp_path)


def test_the_kinds_of_clouds_are_those_of_the_field(city: City) -> None:
    kinds = load_kinds()
    for one in bridged(city, played(city, SEED)):
        assert one.kind == kinds[one.kind.name].descriptor
