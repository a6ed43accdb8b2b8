"""How a device is, is told by its own readings; its owner hears of what lasts, once, and a person takes note of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hub_town import MINUTE, T0, Town, births, pack
from hypothesis import given
from hypothesis import strategies as st

from datahub.conditions import Conditions
from datahub.contract.clock import CITY_OFFSET_MS, DAY_MS, HOUR_MS
from datahub.contract.codes import DeviceState
from datahub.contract.errors import DeclarationError, IllegalMove, UsageError
from datahub.contract.messages import Death, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch, concatenate
from datahub.devices import health_policy
from datahub.devices.alarm_life import MOVES, AlarmState, check
from datahub.devices.condition import WORDS
from datahub.devices.flapping import FLAPPING
from datahub.events import AlarmClosed, AlarmOpened

DAY0 = T0 // DAY_MS * DAY_MS + DAY_MS - CITY_OFFSET_MS  # a local midnight
QUARTER = 15 * MINUTE
BOX = KindDescriptor(
    "smart_pole",
    "灯杆",
    "pole",
    (
        PropertyDescriptor("noise_dba", 0.1, 30.0, 130.0, 900.0, may_rest_s=7200.0),
        PropertyDescriptor("cabinet_temperature_c", 0.1, -40.0, 85.0, 900.0),
    ),
    report_s=900.0,
)
Said = list[AlarmOpened | AlarmClosed]
Script = Callable[[int], tuple[float, float] | None]
"""(quarter of an hour) -> noise [dBA] and temperature of the cabinet [deg C]; None: it says nothing."""


class Street:
    """Poles that speak every quarter of an hour, as the script of each says: (quarter) -> (noise, temperature)."""

    def __init__(self, scripts: dict[int, Script], at: Path | None = None) -> None:
        self.scripts, self.at = scripts, at
        self.sequence = dict.fromkeys(scripts, 0)
        self.said: Said = []
        self.quarter = 0
        self.town = Town(at, start=DAY0, run="" if at else "test")
        self.town.send(births(BOX, devices=sorted(scripts), epoch=DAY0))
        self.town.hub.tick(DAY0)

    @property
    def now(self) -> int:
        return DAY0 + self.quarter * QUARTER

    def live(self, hours: float) -> Said:
        """Let time pass; what was said meanwhile."""
        before = len(self.said)
        for _ in range(round(hours * 4)):
            self.quarter += 1
            packs = [batch for pole in sorted(self.scripts) if (batch := self._pack(pole)) is not None]
            if packs:
                self.town.send(concatenate(packs))
            self.said += [e for e in self.town.hub.tick(self.now) if isinstance(e, AlarmOpened | AlarmClosed)]
        return self.said[before:]

    def _pack(self, pole: int) -> ObservationBatch | None:
        shown = self.scripts[pole](self.quarter)
        if shown is None:
            return None
        readings = [(pole, "noise_dba", self.now, shown[0]), (pole, "cabinet_temperature_c", self.now, shown[1])]
        first = self.sequence[pole]
        self.sequence[pole] += 2
        return pack(pole, readings, first=first, epoch=DAY0, result_time=self.now)

    def crash_and_open(self) -> None:
        self.town.vanish()
        self.town = Town(self.at, start=None, run="")

    def found(self) -> Conditions:
        return self.town.hub.queries.wards.devices()


def lively(pole: int) -> Callable[[int], tuple[float, float]]:
    """An ordinary pole: noise of the hour, a bias of its own, and scatter that only looks like chance."""
    return lambda q: (round(60 + 5 * np.sin(q / 15.3) + pole % 7 + (q * 7919 * pole % 11) / 10, 1), 30.0 + q % 2)


def test_every_declared_number_has_a_source_a_date_and_both_languages() -> None:
    for name in health_policy.HealthPolicy.__struct_fields__:
        limit = getattr(health_policy.load(), name)
        assert all((limit.unit, limit.zh, limit.en, limit.source))
        assert limit.date.year >= 2026


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("value = 0.4", "value = 0.5"), "add up to 1.1"),
        (("value = 0.8", "value = 0.3"), "not below"),
        (("value = 3600", "value = 0"), r"health\.toml:41: \[grace_s\] 0 leaves nothing"),
        (("[grace_s]", "[mercy_s]"), "mercy_s"),
    ],
)
def test_a_wrong_declaration_is_refused(change: tuple[str, str], complaint: str) -> None:
    body = (Path(health_policy.__file__).parent / health_policy.FILE).read_text("utf-8")
    with pytest.raises(DeclarationError, match=complaint):
        health_policy.load(body.replace(*change, 1))


def test_a_score_says_how_much_came_when_and_what_it_was_worth() -> None:
    ordinary = lively(1)
    street = Street(
        {
            1: ordinary,
            2: lambda q: ordinary(q) if q % 2 else None,  # half of it
            3: lambda q: (200.0 if q % 4 == 0 else ordinary(q)[0], 30.0 + q % 2),  # a quarter of one property
            4: lambda q: ordinary(q) if q > 6 * 96 else None,  # nothing yet
        }
    )
    street.live(32)
    found = street.found()
    scores = found.scores
    assert found.device.tolist() == [1, 2, 3, 4]
    assert scores.due.tolist() == [2 * 96.0] * 4
    assert scores.completeness.tolist() == [1.0, 0.5, 1.0, 0.0]
    assert scores.validity[:3].tolist() == [1.0, 1.0, 1 - 24 / 192]
    assert scores.timeliness[:3].tolist() == [1.0, 1.0, 1.0]
    assert scores.score.round(6).tolist() == [100.0, 80.0, 97.5, 0.0]
    assert [WORDS[one] for one in found.word] == ["online", "online", "online", "dead"]


def test_what_waited_behind_a_lost_link_is_complete_and_late() -> None:
    street = Street({1: lively(1), 2: lambda q: None})
    street.live(26)
    said = [(q, (2, "noise_dba", DAY0 + q * QUARTER, 60.0 + q % 3)) for q in range(1, 105)]
    street.town.send(concatenate([pack(2, [one], first=q - 1, epoch=DAY0) for q, one in said]))
    street.live(6)
    scores = street.found().scores
    assert scores.completeness.tolist() == [1.0, 0.5]
    assert scores.timeliness[0] == 1.0
    assert scores.timeliness[1] < 0.1


def test_silent_dead_and_in_maintenance_are_said_in_one_word_and_left_out_of_the_mean() -> None:
    street = Street({pole: lively(pole) for pole in (1, 2, 3, 4)})
    street.live(30)
    street.scripts[2] = street.scripts[3] = lambda q: None
    street.town.send(Death(node=3, epoch=DAY0))
    street.town.hub.lifecycle.move(4, DeviceState.MAINTENANCE, t=street.now, by="lighting")
    street.live(3)
    assert [WORDS[one] for one in street.found().word] == ["online", "silent", "dead", "maintenance"]
    (poles,) = street.town.hub.queries.wards.by_kind()
    assert (poles.name, poles.devices, poles.scored, poles.faulty) == ("smart_pole", 4, 3, 2), (
        "who is dead for long is somebody's matter too"
    )
    assert poles.states == {"online": 1, "silent": 1, "dead": 1, "maintenance": 1, "retired": 0}
    street.live(24)
    assert WORDS[street.found().word[1]] == "dead", "silent for eight times what it may be"


def test_a_device_that_says_too_little_is_told_once_and_clears_when_it_speaks_again() -> None:
    street = Street({1: lively(1), 2: lambda q: lively(2)(q) if q % 4 == 0 else None})
    opened = street.live(60)
    assert [(e.kind, e.device, e.value, e.limit) for e in opened if isinstance(e, AlarmOpened)] == [
        ("device_incomplete", 2, 0.25, 0.5)
    ]
    street.scripts[2] = lively(2)
    (closed,) = street.live(48)
    assert (type(closed), closed.id) == (AlarmClosed, opened[0].id)
    assert street.town.hub.queries.alarms() == []


def test_a_stuck_sensor_is_told_once_and_clears_when_it_moves() -> None:
    street = Street({1: lively(1), 2: lambda q: (66.6, 30.0 + q % 2), 3: lambda q: (30.0, 30.0 + q % 2)})
    (opened,) = street.live(12)
    assert isinstance(opened, AlarmOpened)
    assert (opened.kind, opened.device, opened.property, opened.fault) == ("device_stuck", 2, "noise_dba", True)
    assert opened.value > opened.limit == 14_400.0
    street.scripts[2] = lively(2)
    (closed,) = street.live(2)
    assert closed.id == opened.id, "and 3, at the end of its range, was never accused"


def test_a_fault_that_comes_and_goes_is_told_four_times_then_held_until_it_is_quiet() -> None:
    hot = Street({1: lambda q: (lively(1)(q)[0], 75.0 if q % 2 else 40.0)})
    said = hot.live(10)
    opened = [e.kind for e in said if isinstance(e, AlarmOpened)]
    assert opened == ["pole_cabinet_hot"] * 4 + [FLAPPING]
    assert sum(isinstance(e, AlarmClosed) for e in said) == 4
    assert [(e.kind, e.property) for e in hot.town.hub.queries.alarms()] == [(FLAPPING, "pole_cabinet_hot")]
    assert hot.town.hub.health().open_alarms == 1
    hot.scripts[1] = lambda q: (lively(1)(q)[0], 75.0)
    flap, real = hot.live(26)
    assert (type(flap), flap.kind) == (AlarmClosed, FLAPPING)
    assert (type(real), real.kind) == (AlarmOpened, "pole_cabinet_hot"), "what stays is told"
    hot.scripts[1] = lively(1)
    (closed,) = hot.live(1)
    assert closed.id == real.id


def test_flapping_goes_on_being_held_after_a_crash(tmp_path: Path) -> None:
    hot = Street({1: lambda q: (lively(1)(q)[0], 75.0 if q % 2 else 40.0)}, tmp_path)
    hot.live(6)
    hot.crash_and_open()
    assert hot.live(6) == []
    assert [e.kind for e in hot.town.hub.queries.alarms()] == [FLAPPING]
    hot.town.hub.close()


def test_an_alarm_is_acknowledged_by_somebody_and_stays_until_its_cause_is_gone(tmp_path: Path) -> None:
    street = Street({1: lambda q: (66.6, 30.0 + q % 2)}, tmp_path)
    (opened,) = street.live(8)
    wards = street.town.hub.queries.wards
    wards.acknowledge(opened.id, by="lighting desk", note="a crew is on its way")
    (story,) = wards.alarms(states=[AlarmState.ACKNOWLEDGED])
    assert (story.id, story.acknowledged, story.by, story.note) == (
        opened.id, street.now, "lighting desk", "a crew is on its way",
    )  # fmt: skip
    assert [e.id for e in street.town.hub.queries.alarms()] == [opened.id]
    with pytest.raises(IllegalMove, match="is 'acknowledged' and cannot go to 'acknowledged'"):
        wards.acknowledge(opened.id, by="somebody else")
    with pytest.raises(UsageError, match="no alarm 'x'"):
        wards.acknowledge("x", by="anybody")
    trail = street.town.hub.queries.audit(subject="1")
    assert [(one.who, one.action) for one in trail] == [("lighting desk", "acknowledge")]
    street.crash_and_open()
    wards = street.town.hub.queries.wards
    assert [one.by for one in wards.alarms(states=[AlarmState.ACKNOWLEDGED])] == ["lighting desk"]
    street.scripts[1] = lively(1)
    street.live(2)
    (story,) = wards.alarms()
    assert (story.state, story.by, story.cleared > story.acknowledged) == (AlarmState.CLEARED, "lighting desk", True)
    with pytest.raises(IllegalMove, match="cleared"):
        wards.acknowledge(opened.id, by="too late")
    street.town.hub.close()


@given(st.lists(st.sampled_from(list(AlarmState)), min_size=1, max_size=5))
def test_an_alarm_moves_by_its_table_and_nothing_comes_after_cleared(moves: list[AlarmState]) -> None:
    state = AlarmState.OPENED
    for to in moves:
        if to in MOVES[state]:
            check("a", state, to)
            state = to
        else:
            with pytest.raises(IllegalMove):
                check("a", state, to)
    assert state is not AlarmState.OPENED or AlarmState.OPENED in moves or not moves


def creeping(pole: int, *, by: float) -> Callable[[int], tuple[float, float]]:
    """A pole whose noise sensor creeps away from the second day on [dB/day]."""
    return lambda q: (round(lively(pole)(q)[0] + by * max(0, q - 96) / 96, 1), 30.0 + q % 2)


def test_a_creeping_sensor_is_found_after_three_days_and_a_leap_is_not(tmp_path: Path) -> None:
    scripts: dict[int, Script] = {pole: lively(pole) for pole in range(1, 13)}
    scripts[5] = creeping(5, by=1.0)
    scripts[7] = lambda q: (lively(7)(q)[0] + (8.0 if q > 2.5 * 96 else 0.0), 30.0 + q % 2)
    street = Street(scripts, tmp_path)
    street.live(60)
    street.crash_and_open()
    assert street.live(37) == []
    street.crash_and_open()
    opened = street.live(3)
    assert [(e.kind, e.device, e.property) for e in opened if isinstance(e, AlarmOpened)] == [
        ("device_drift", 5, "noise_dba")
    ]
    street.town.hub.lifecycle.move(5, DeviceState.MAINTENANCE, t=street.now, by="lighting")
    (closed,) = street.live(2)
    assert closed.id == opened[0].id
    street.town.hub.close()


def test_after_a_crash_everything_is_as_it_would_have_been(tmp_path: Path) -> None:
    scripts: dict[int, Script] = {pole: lively(pole) for pole in range(1, 13)}
    scripts[5], scripts[6] = creeping(5, by=1.0), lambda q: lively(6)(q) if q % 3 else None
    whole, broken = Street(dict(scripts)), Street(dict(scripts), tmp_path)
    for hours in (30, 5.5, 41, 13.25, 30):
        whole.live(hours)
        broken.live(hours)
        broken.crash_and_open()
        one, other = whole.found(), broken.found()
        for name in ("score", "completeness", "timeliness", "validity", "plausibility", "due"):
            np.testing.assert_array_equal(getattr(one.scores, name), getattr(other.scores, name), err_msg=name)
        assert one.word.tolist() == other.word.tolist()
    assert whole.said == broken.said
    assert "device_drift" in {e.kind for e in whole.said}
    drifts = [street.town.hub.care.condition.drift for street in (whole, broken)]
    for name in ("before", "upper", "lower", "hours"):
        np.testing.assert_allclose(getattr(drifts[0], name), getattr(drifts[1], name), err_msg=name)
    broken.town.hub.close()


def test_hours_of_the_city_are_judged_once_however_often_it_ticks() -> None:
    street = Street({1: lambda q: (66.6, 30.0)})
    street.live(10)
    told = len(street.said)
    for second in range(1, 40):
        assert street.town.hub.tick(street.now + second * 1_000) == []
    assert (told, street.now % HOUR_MS) == (1, 0)
