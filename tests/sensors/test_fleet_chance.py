"""One seed, one story; and nobody's chance is anybody else's."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from field_town import START, Town, harbour, town

from datahub.contract.clock import MINUTE_MS
from datahub.contract.observations import ObservationBatch, concatenate
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.fleet import Fleet
from sensors.kind import Accuracy, Kind, Sites, load_kinds
from sensors.world.world import World

ALL = Faults(stuck_year=20, drift_year=20, silent_year=20, dropout=0.05, late=0.02, duplicate=0.05)
KINDS = load_kinds()


def digest(batches: list[ObservationBatch]) -> str:
    """Hash of every column."""
    made = hashlib.sha256()
    for batch in batches:
        for it in dataclasses.fields(batch):
            column = getattr(batch, it.name)
            made.update(column.tobytes() if isinstance(column, np.ndarray) else repr(column).encode())
    return made.hexdigest()


def told(*kinds: str, seed: int = 7, minutes: int = 90) -> Town:
    made = town(*kinds, faults=ALL, seed=seed)
    made.run(minutes)
    return made


def test_the_same_seed_tells_the_same_story_and_another_another() -> None:
    first, second, other = (digest(told(seed=seed).batches()) for seed in (7, 7, 8))
    assert first == second != other


def test_another_kind_in_the_city_changes_nothing_for_those_that_are_there() -> None:
    alone = told("pressure_logger", "smart_pole")
    crowd = told()
    for kind in ("pressure_logger", "smart_pole"):
        assert digest(alone.batches(kind)) == digest(crowd.batches(kind))


def test_a_device_kept_when_scale_thins_the_city_reports_at_the_same_minutes() -> None:
    kind = KINDS["water_meter"]
    thin = load_city("harbour", scale=0.2)
    whole, part = (
        dict(zip(fleet.sites.device.tolist(), fleet._phase.tolist(), strict=True))
        for fleet in (
            Fleet(kind, sites(city, kind), seeds=Seeds(7), faults=ALL, start=START) for city in (harbour(), thin)
        )
    )
    assert 0 < len(part) < len(whole)
    assert part.items() <= whole.items()


def many(n: int, *, node: int = 1) -> Sites:
    """Invented sites, ``node`` devices behind each sender."""
    codes = 10**16 + 17 * np.arange(n)
    return Sites(
        device=codes,
        object=codes + 1,
        row=np.arange(n),
        lon=np.zeros(n),
        lat=np.zeros(n),
        community=np.zeros(n, np.int32),
        node=None if node == 1 else codes[np.arange(n) // node * node] + 5,
    )


def gauge(*, nan_every: int = 0, frozen: bool = False, report_s: int = 600) -> Kind:
    """A kind with one property that shows the minute of the clock, or nothing at some sites."""

    def measure(world: World, at: Sites, t: int | np.ndarray) -> np.ndarray:
        shown = np.broadcast_to(np.asarray(t) / MINUTE_MS % 1_440, (len(at),)).astype(np.float64).copy()
        if nan_every:
            shown[at.row % nan_every == 0] = np.nan
        return shown[:, None]

    declared = KINDS["flow_logger"].descriptor
    first = declared.properties[0]
    return Kind(
        descriptor=type(declared)(
            name="gauge",
            zh="表",
            en="Gauge",
            properties=(type(first)(name="level_m", resolution=0.01, low=0, high=2_000, period_s=60),),
            report_s=report_s,
        ),
        code="2299",
        mounts_on="thing",
        sample_s=60,
        report_s=report_s,
        measure=measure,
        accuracy=(Accuracy(),),
        frozen=frozen,
    )


def packs(fleet: Fleet, minutes: int) -> list[ObservationBatch]:
    world = World(harbour(), (), Seeds(7), start=START)
    ups = [fleet.tick(world, START + minute * MINUTE_MS) for minute in range(1, minutes + 1)]
    return [it for up in ups for it in up if isinstance(it, ObservationBatch)]


QUIET = dataclasses.replace(ALL, stuck_year=0, drift_year=0, silent_year=0, dropout=0, late=0, duplicate=0)


def fleet_of(kind: Kind, at: Sites) -> Fleet:
    return Fleet(kind, at, seeds=Seeds(7), faults=QUIET, start=START, resend_s=1e6)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_nan_never_travels_and_takes_no_sequence(frozen: bool) -> None:
    said = packs(fleet_of(gauge(nan_every=3, frozen=frozen), many(30)), 30)
    mute = set(many(30).device[::3].tolist())
    for batch in said:
        batch.check()
        assert mute.isdisjoint(batch.device.tolist())
        assert (batch.counts > 0).all()
    whole = concatenate(said)
    for node in np.unique(whole.node):
        mine = whole.sequence[whole.node[whole.pack] == node]
        assert mine.tolist() == list(range(len(mine)))
    assert len(np.unique(whole.node)) == 20


def test_the_load_is_even() -> None:
    fleet = fleet_of(gauge(report_s=3_600), many(60_000))
    each = [len(fleet._reports.at(minute)) for minute in range(60)]
    assert sum(each) == 60_000
    assert max(each) < 1.15 * 1_000
    assert min(each) > 0.85 * 1_000


def test_a_reading_kept_until_the_report_is_of_the_minute_it_names() -> None:
    for batch in packs(fleet_of(gauge(), many(50)), 40):
        assert (batch.value == batch.phenomenon_time / MINUTE_MS % 1_440).all()
        assert (np.diff(batch.phenomenon_time)[np.diff(batch.pack) == 0] == MINUTE_MS).all()


def test_devices_behind_one_gateway_speak_in_one_pack() -> None:
    at = many(60, node=6)
    fleet = fleet_of(gauge(report_s=60), at)
    assert at.node is not None
    senders = dict(zip(at.device.tolist(), at.node.tolist(), strict=True))
    (batch,) = packs(fleet, 1)
    assert batch.packs == 10
    assert batch.counts.tolist() == [6] * 10
    assert [senders[device] for device in batch.device.tolist()] == batch.node[batch.pack].tolist()
