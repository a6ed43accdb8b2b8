"""Faults do what they are declared to do, and the judge knows of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from field_town import START, Town, town

from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints, ObservationBatch
from sensors.battery import YEAR_MS, voltage_v
from sensors.chance import Seeds
from sensors.faults import NO_FAULTS, Faults, Spells

POINTS = ("pressure_logger", "flow_logger")


def with_faults(**rates: float) -> Faults:
    return dataclasses.replace(NO_FAULTS, **rates)


def run(minutes: int, *kinds: str, faults: Faults, seed: int = 7) -> Town:
    made = town(*kinds, faults=faults, seed=seed)
    made.run(minutes)
    return made


def readings(batch: ObservationBatch, prop: int = 0) -> dict[tuple[int, int], float]:
    """Value by device and time."""
    kept = batch.property == prop
    keys = zip(batch.device[kept].tolist(), batch.phenomenon_time[kept].tolist(), strict=True)
    return dict(zip(keys, batch.value[kept].tolist(), strict=True))


def codes(made: Town) -> Ints:
    return made.field.fleets["pressure_logger"].sites.device


def wrong(made: Town, fault: str) -> dict[int, int]:
    return {it.device: it.since for it in made.field.truth() if it.fault == fault}


def test_devices_without_faults_tell_the_world_as_it_is_but_for_what_is_off_for_ever() -> None:
    made = run(20, "flow_logger", faults=NO_FAULTS)
    sites = made.field.fleets["flow_logger"].sites
    true = made.field.world.water.flow_m3_s(np.asarray(sites.columns["pipe"]))
    last = {device: value for (device, _), value in readings(made.whole("flow_logger")).items()}

    assert made.field.truth() == []
    for device, flow in zip(sites.device.tolist(), true.tolist(), strict=True):
        assert last[device] == pytest.approx(flow, rel=0.02, abs=1e-4)


def test_noise_scatters_readings_as_wide_as_declared() -> None:
    quiet = run(120, "pressure_logger", faults=NO_FAULTS)
    noisy = run(120, "pressure_logger", faults=with_faults(noise=1))
    before, after = (readings(it.whole("pressure_logger")) for it in (quiet, noisy))
    off = np.array([after[key] - value for key, value in before.items()])

    assert abs(off.mean()) < 60
    assert 450 < off.std() < 550


def test_a_stuck_sensor_stands_still_from_its_moment_on_and_only_it() -> None:
    faults = with_faults(noise=1, stuck_year=60, stuck_h=1_000)
    made = run(240, *POINTS, faults=faults)
    free = run(240, *POINTS, faults=with_faults(noise=1))
    stuck = wrong(made, "stuck")
    assert 0 < len(stuck) < sum(len(it) for it in made.field.fleets.values())

    for kind in POINTS:
        said, ought = readings(made.whole(kind)), readings(free.whole(kind))
        assert said.keys() == ought.keys()
        for device in made.field.fleets[kind].sites.device.tolist():
            since = stuck.get(device, made.now)
            held = {value for (who, t), value in said.items() if who == device and t > since}
            assert len(held) <= 1
            assert all(said[key] == ought[key] for key in said if key[0] == device and key[1] < since)


def test_as_many_spells_are_under_way_at_the_start_as_at_any_time() -> None:
    rate, hours, n = 10.0, 100.0, 20_000
    spells = Spells.lay(10**16 + 10 * np.arange(n), name=("x",), seeds=Seeds(7), rate=rate, hours=hours, start=START)
    share = rate * hours / (365.25 * 24 + rate * hours)
    for hour in (0, 24, 72):
        assert len(spells.at(START + hour * HOUR_MS)) == pytest.approx(share * n, rel=0.1)
    begun = (spells.since > START) & (spells.since < START + 7 * DAY_MS)
    assert begun.sum() == pytest.approx(n * (1 - share) * (1 - np.exp(-rate * 7 / 365.25)), rel=0.1)


def test_a_drifting_sensor_creeps_away_by_its_speed() -> None:
    made = run(360, "pressure_logger", faults=with_faults(drift_year=60, drift_h=1_000))
    free = run(360, "pressure_logger", faults=NO_FAULTS)
    drifting = wrong(made, "drift")
    mended = {it[0] for it in made.field.fleets["pressure_logger"].hardware.truth(codes(made), START)} - set(drifting)
    said, ought = (readings(it.whole("pressure_logger")) for it in (made, free))
    last = max(t for _, t in said)
    assert drifting
    for (device, t), value in said.items():
        if device in mended:
            continue
        off = value - ought[device, t]
        days = (t - drifting.get(device, t)) / DAY_MS
        assert 0.5 * 2_000 * days - 100 <= abs(off) <= 1.5 * 2_000 * days + 100 or days < 0
    assert any(abs(said[device, last] - ought[device, last]) > 200 for device in drifting if (device, last) in said)


def test_a_silent_device_says_nothing_and_its_neighbours_behind_the_gateway_speak_on() -> None:
    made = run(30, "smart_pole", faults=with_faults(silent_year=0.5, silent_h=5_000))
    silent = {device for device, since in wrong(made, "silent").items() if since <= START}
    said = set(made.whole("smart_pole").device.tolist())
    everyone = set(made.field.fleets["smart_pole"].sites.device.tolist())

    assert silent
    assert said == everyone - silent


def test_a_dropout_takes_no_sequence() -> None:
    made = run(120, *POINTS, faults=with_faults(dropout=0.5))
    free = run(120, *POINTS, faults=NO_FAULTS)
    for kind in POINTS:
        batch = made.whole(kind)
        assert 0.3 < len(batch) / len(free.whole(kind)) < 0.7
        assert made.field.fleets[kind].muted + len(batch) == len(free.whole(kind))
        for node in np.unique(batch.node):
            mine = batch.sequence[batch.node[batch.pack] == node]
            assert mine.tolist() == list(range(len(mine)))


def test_late_packs_come_later_in_their_order_and_none_is_missing() -> None:
    made = run(300, "flow_logger", faults=with_faults(late=0.02, late_max_s=3_600))
    free = run(300, "flow_logger", faults=NO_FAULTS)
    batch = made.whole("flow_logger")
    arrived = [
        t
        for t, it in zip(made.arrived, made.up, strict=True)
        if isinstance(it, ObservationBatch)
        for _ in range(it.packs)
    ]
    late = np.array(arrived) - batch.result_time

    assert (late > 0).any()
    assert late.max() <= HOUR_MS + 60_000
    for node in np.unique(batch.node):
        mine = batch.sequence[batch.node[batch.pack] == node]
        assert mine.tolist() == list(range(len(mine)))
    published, in_flight = made.field.ledger()
    assert published == len(free.whole("flow_logger")) == len(batch) + in_flight


def test_a_duplicate_is_the_same_pack_again_and_counts_once() -> None:
    made = run(120, "flow_logger", faults=with_faults(duplicate=0.2))
    batch = made.whole("flow_logger")
    packs = list(zip(batch.node.tolist(), batch.first.tolist(), strict=True))
    rows = dict.fromkeys(zip(batch.node[batch.pack].tolist(), batch.sequence.tolist(), batch.value, strict=True))

    assert 0.1 < 1 - len(set(packs)) / len(packs) < 0.25
    assert made.field.ledger() == (len(rows), 0)


def test_an_empty_battery_silences_its_device_and_the_judge_knows_since_when() -> None:
    made = town("water_meter", faults=with_faults(neglect=1.0))
    fleet = made.field.fleets["water_meter"]
    rows = np.arange(len(fleet))
    half = START + round(3.5 * YEAR_MS)

    assert fleet.hardware.awake(rows, START).all()
    assert 0.35 < fleet.hardware.awake(rows, half).mean() < 0.65
    assert not fleet.hardware.awake(rows, START + 7 * round(YEAR_MS)).any()
    empty = [it for it in fleet.hardware.truth(fleet.sites.device, half) if it[1] == "battery"]
    assert len(empty) == (~fleet.hardware.awake(rows, half)).sum()
    assert all(START < since <= half for *_, since in empty)


def test_a_cell_falls_slowly_then_quickly() -> None:
    volts = voltage_v(np.array([1.0, 0.5, 0.1, 0.05, 0.0]))
    assert (np.diff(volts) < 0).all()
    assert volts[0] - volts[2] < 0.15 < volts[2] - volts[4]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"dropuot": 0.1}, "did you mean dropout"),
        ({"dropout": 1.5}, "between 0 and 1"),
        ({"stuck_year": -1}, "between 0 and inf"),
    ],
)
def test_a_wrong_rate_is_refused_in_one_sentence(table: dict[str, float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Faults.declared(table)


def test_declared_rates_replace_the_ordinary_ones_and_each_has_unit_and_source() -> None:
    assert Faults.declared({"dropout": 0.3}) == Faults(dropout=0.3)
    assert all(it.metadata["unit"] and it.metadata["source"] for it in dataclasses.fields(Faults))
