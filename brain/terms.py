"""What people call the things that the brain has a word for: events, stages, steps, orders, seats, commands."""

from __future__ import annotations

from typing import Final

from brain.seats import SeatOrder
from brain.state import IncidentStage
from brain.views import Name
from datahub.contract.codes import AckStatus, CaseStep, TaskStage
from datahub.contract.duties import duties

ROMAN: Final = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}
"""Response levels, gravest first, as the Chinese plans write them."""

LATIN: Final = {1: "I", 2: "II", 3: "III", 4: "IV"}
"""The same in English."""

EVENTS: Final = {
    "water_main_burst": Name("供水主干管爆管", "burst water main"),
    "lamp_dark": Name("路灯不亮", "street lamp out"),
    "feeder_dark": Name("路段路灯不亮", "section of street lamps out"),
    "device_silent": Name("设备失联", "device silent"),
}

STAGES: Final = {
    TaskStage.ORDERED: Name("待派", "to be given out"),
    TaskStage.SUBMITTED: Name("已下达", "handed in"),
    TaskStage.ACCEPTED: Name("已接单", "accepted"),
    TaskStage.EN_ROUTE: Name("赶赴现场", "on the way"),
    TaskStage.ON_SITE: Name("已到场", "on site"),
    TaskStage.DONE: Name("已完成", "done"),
    TaskStage.FAILED: Name("未能完成", "failed"),
    TaskStage.WITHDRAWN: Name("已撤回", "withdrawn"),
}

AT_DESK: Final = Name("已受理", "at work")
"""A desk that works on a task: it has taken it up, but goes nowhere, so it is never "on site"."""

CASE_STEPS: Final = {
    CaseStep.COLLECTED: Name("信息采集", "collected"),
    CaseStep.FILED: Name("案卷建立", "filed"),
    CaseStep.DISPATCHED: Name("任务派遣", "dispatched"),
    CaseStep.HANDLING: Name("任务处理", "being handled"),
    CaseStep.FED_BACK: Name("处理反馈", "fed back"),
    CaseStep.CLOSED: Name("核查结案", "verified and closed"),
    CaseStep.EVALUATED: Name("综合评价", "evaluated"),
}

INCIDENT_STAGES: Final = {
    IncidentStage.RAISED: Name("研判中", "being verified"),
    IncidentStage.CONFIRMED: Name("处置中", "under way"),
    IncidentStage.CLOSED: Name("已结案", "closed"),
    IncidentStage.DISMISSED: Name("已排除", "dismissed"),
}

ORDERS: Final = {
    SeatOrder.CONFIRM: Name("确认事件", "confirm the event"),
    SeatOrder.DISMISS: Name("排除事件", "dismiss the event"),
    SeatOrder.ACTIVATE: Name("启动预案", "start the plan"),
    SeatOrder.SET_LEVEL: Name("调整级别", "set the level"),
    SeatOrder.CLOSE: Name("终止响应", "end the response"),
    SeatOrder.ASSIGN: Name("改派队伍", "re-assign"),
}

SEATS: Final = {
    "viewer": Name("观察席", "Viewer"),
    "operator": Name("值班席", "Operator"),
    "commander": Name("指挥长席", "Commander"),
}

ACKS: Final = {
    AckStatus.SENT: Name("已下发", "sent"),
    AckStatus.ACCEPTED: Name("设备已接收", "taken by the device"),
    AckStatus.DONE: Name("已执行", "carried out"),
    AckStatus.REJECTED: Name("设备拒绝", "refused by the device"),
    AckStatus.EXPIRED: Name("超时未执行", "not carried out in time"),
}

_COMMANDS: Final = {
    "move": Name("转动阀门", "move valve"),
    "preempt": Name("信号优先放行", "clear junction"),
    "release": Name("信号恢复正常", "release junction"),
    "dim": Name("路灯调光", "dim lamp"),
}

_TAIL: Final = 4
"""Last figures of a unified code by which people at the desk tell valves apart."""


def duty_name(duty: str) -> Name:
    """What people call a duty; the word itself where it is not declared (an order of an older version)."""
    known = duties().get(duty)
    return Name(known.zh, known.en) if known else Name(duty, duty)


def seat_name(seat: str) -> Name:
    """What people call a seat; a seat of a city's own keeps its own name."""
    return SEATS.get(seat, Name(f"席位{seat}", f"Seat {seat}"))


def order_name(order: str) -> Name:
    """What people call an order of a seat."""
    return ORDERS[SeatOrder(order)] if order in tuple(SeatOrder) else Name(order, order)


def command_name(command: str, object_: int, position: float | None) -> Name:
    """What a device is told to do with which object: 'close valve 1062'; ``position``: how far open a valve goes."""
    what = _COMMANDS.get(command, Name(command, command))
    if command == "move" and position is not None and position in (0.0, 1.0):
        what = Name("打开阀门", "open valve") if position else Name("关闭阀门", "close valve")
    tail = str(object_)[-_TAIL:]
    return Name(f"{what.zh}（尾号{tail}）", f"{what.en} (no. …{tail})") if object_ else what


def counted(n: float, one: str, many: str) -> str:
    """A number with its English noun."""
    return f"{n:,.0f} {one if n == 1 else many}"
