"""Every reason that the brain writes is told in both languages, with names instead of ids."""

from __future__ import annotations

import re

import pytest
from play import Play, burst

from brain.model import CommandOrdered, CommandUpdated, LevelChanged, Message, OrderGiven, OrderRefused
from brain.reasons import plain, reason
from brain.seats import SeatOrder, obey
from brain.terms import ACKS, INCIDENT_STAGES, ORDERS, SEATS, STAGES
from brain.wording import ticker_line
from datahub.contract.clock import MINUTE_MS
from datahub.contract.codes import AckStatus

RAW = re.compile(r"[a-z]+_[a-z_]+|\d{6,}|\.\w+\.\d")


@pytest.fixture(scope="module")
def answered() -> Play:
    play = Play(watched=True)
    play.senses.says = [burst(play.t + MINUTE_MS)]
    play.run(45)
    return play


def told(play: Play, message: Message) -> tuple[str, str]:
    line = ticker_line(message, play.brain.board.name)
    assert line is not None
    return line.text.zh, line.text.en


def test_every_refusal_of_an_order_is_told_without_ids(answered: Play) -> None:
    incident, memory = answered.incident, answered.brain.memory
    ended = next(task for task in memory.tasks.values() if not task.open and task.crew)
    busy = next(task for task in memory.tasks.values() if task.open)
    wrong: list[tuple[str, str, dict[str, float | str]]] = [
        ("confirm", incident.id, {}),
        ("dismiss", "nothing-1", {}),
        ("activate", incident.id, {}),
        ("set_level", incident.id, {"level": 9}),
        ("close", incident.id, {"why": "x"}),
        ("assign", ended.id, {"crew": ended.crew}),
        ("assign", busy.id, {"crew": ""}),
    ]
    for order, subject, given in wrong:
        said = OrderGiven(
            t=answered.t, seat="commander", role="commander", order=order, subject=subject, arguments=given
        )
        (refused,) = obey(answered.brain.office, said)
        assert isinstance(refused, OrderRefused)
        zh, en = told(answered, refused)
        assert not RAW.search(zh), zh
        assert not re.search(r"[a-z]{2}", zh), zh
        assert not RAW.search(en), en
    crew = answered.brain.board.name("crew", ended.crew)
    last = OrderRefused(t=0, seat="operator", order="assign", subject="", why=f"there is no open task '{ended.id}'")
    assert crew.zh in told(answered, last)[0]
    assert crew.en in told(answered, last)[1]


def test_the_ticker_of_a_whole_story_has_no_raw_key_and_no_raw_id(answered: Play) -> None:
    for line in answered.brain.board.situation.ticker:
        assert not RAW.search(line.text.zh), line.text.zh
        assert not re.search(r"[a-z]{2}", line.text.zh), line.text.zh
        assert not RAW.search(line.text.en), line.text.en


def test_commands_and_levels_are_told_in_words(answered: Play) -> None:
    command = next(iter(answered.brain.memory.commands.values()))
    tail = str(command.object)[-4:]
    ordered = CommandOrdered(
        t=0, id=command.id, event=command.event, step=command.step, device=command.device, object=command.object,
        name="move", arguments={"position_ratio": 0.0}, expires=1,
    )  # fmt: skip
    assert told(answered, ordered) == (
        f"远程指令：关闭阀门（尾号{tail}）",
        f"Command to device: close valve (no. …{tail})",
    )
    for status in AckStatus:
        zh, en = told(answered, CommandUpdated(t=0, id=command.id, status=status))
        assert tail in zh
        assert tail in en
    assert told(answered, LevelChanged(t=0, event="e", level=1)) == ("响应级别调整为Ⅰ级", "Response is now at Level I")


def test_every_closed_set_has_its_words() -> None:
    assert set(ORDERS) == set(SeatOrder)
    assert set(ACKS) == set(AckStatus)
    assert len(STAGES) == 8
    assert len(INCIDENT_STAGES) == 4
    assert set(SEATS) == {"viewer", "operator", "commander"}


def test_what_a_person_wrote_stays_as_it_is() -> None:
    assert reason("水已停 (operator)", plain).zh == "水已停（值班席）"
    assert reason("seen from the bridge", plain).en == "seen from the bridge"
