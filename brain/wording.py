"""Every message in a sentence that a person at the centre can read, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from brain.model import (
    AlarmCleared,
    AlarmRaised,
    AnomalyFound,
    CaseFiled,
    CaseMoved,
    CommandOrdered,
    CommandUpdated,
    DepartmentReached,
    DepartmentUnreachable,
    EventClosed,
    EventConfirmed,
    EventDismissed,
    EventRaised,
    LevelChanged,
    Message,
    OrderGiven,
    OrderRefused,
    PlanActivated,
    StepDone,
    StepOpened,
    StepOverdue,
    TaskOrdered,
    TaskUpdated,
    WarningFedBack,
    WarningIssued,
)
from brain.views import Name, TickerLine
from datahub.contract.codes import CaseStep, TaskStage
from datahub.contract.duties import duties

ROMAN: Final = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ"}

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

CASE_STEPS: Final = {
    CaseStep.COLLECTED: Name("信息采集", "collected"),
    CaseStep.FILED: Name("案卷建立", "filed"),
    CaseStep.DISPATCHED: Name("任务派遣", "dispatched"),
    CaseStep.HANDLING: Name("任务处理", "being handled"),
    CaseStep.FED_BACK: Name("处理反馈", "fed back"),
    CaseStep.CLOSED: Name("核查结案", "verified and closed"),
    CaseStep.EVALUATED: Name("综合评价", "evaluated"),
}

#: Names of steps, departments and crews, as far as the declarations have them: (kind, id) -> name.
Namer = Callable[[str, str], Name]


def duty_name(duty: str) -> Name:
    """What people call a duty; the word itself where it is not declared (an order of an older version)."""
    known = duties().get(duty)
    return Name(known.zh, known.en) if known else Name(duty, duty)


def ticker_line(message: Message, name: Namer) -> TickerLine | None:
    """The message as a line of the ticker; None for what nobody needs to read."""
    found = _event(message, name) or _work(message, name) or _rest(message, name)
    if found is None:
        return None
    subject, grade, zh, en = found
    return TickerLine(t=message.t, kind=type(message).__name__, subject=subject, grade=grade, text=Name(zh, en))


_Line = tuple[str, int, str, str]


def _event(message: Message, name: Namer) -> _Line | None:
    match message:
        case EventRaised(id=id_, type=type_, certainty=certainty):
            what = EVENTS.get(type_, Name(type_, type_))
            if type_ == "device_silent":
                return id_, 0, f"{what.zh}：通知权属单位", f"{what.en}: its owner is told"
            return id_, 4, f"研判：疑似{what.zh}", f"Believed ({certainty.lower()}): {what.en}"
        case EventConfirmed(id=id_):
            return id_, 3, "事件确认", "Event confirmed"
        case EventDismissed(id=id_, why=why):
            return id_, 5, f"事件排除：{why}", f"Event dismissed: {why}"
        case PlanActivated(event=event, plan=plan, level=level, reasons=reasons):
            title, why = name("plan", plan), ", ".join(reasons)
            zh, en = f"启动{title.zh}，{ROMAN[level]}级响应", f"Plan '{title.en}' starts at level {level}: {why}"
            return event, level, zh, en
        case LevelChanged(event=event, level=level):
            return event, level, f"响应级别调整为{ROMAN[level]}级", f"Response level is now {level}"
        case EventClosed(id=id_, record=record) if "tasks_count" in record:
            hours = float(record.get("closed_s", 0)) / 3_600
            return id_, 5, f"事件处置结束，历时{hours:.1f}小时", f"Incident closed after {hours:.1f} h"
        case WarningIssued(id=id_, people=people, channel=channel):
            channels = {"sms": Name("短信", "text message"), "door": Name("上门", "at the door")}
            by = channels.get(channel, Name(channel, channel))
            return id_, 4, f"发布预警（{by.zh}）：{people}人", f"Warning issued ({by.en}) to {people} people"
        case WarningFedBack(id=id_, sent=sent, delivered=delivered):
            return id_, 5, f"预警反馈：发送{sent}，送达{delivered}", f"Warning reached {delivered} of {sent}"
        case _:
            return None


def _work(message: Message, name: Namer) -> _Line | None:
    match message:
        case StepOpened(event=event, step=step):
            title = name("step", step)
            return event, 5, f"步骤开始：{title.zh}", f"Step begins: {title.en}"
        case StepDone(event=event, step=step, outcome=outcome) if outcome != "skipped":
            title = name("step", step)
            if outcome == "failed":
                return event, 3, f"步骤未达标，重做：{title.zh}", f"Step failed and begins anew: {title.en}"
            return event, 5, f"步骤完成：{title.zh}", f"Step done: {title.en}"
        case StepOverdue(event=event, step=step):
            title = name("step", step)
            return event, 3, f"步骤超时，督办：{title.zh}", f"Step overdue, urged: {title.en}"
        case TaskOrdered(id=id_, department=department, duty=duty, attempt=attempt):
            who, what = name("department", department), duty_name(duty)
            again = (f"（第{attempt}次）", f" (attempt {attempt})") if attempt > 1 else ("", "")
            return id_, 5, f"派单：{who.zh}，{what.zh}{again[0]}", f"{who.en}: {what.en}{again[1]}"
        case TaskUpdated(id=id_, stage=stage, crew=crew, findings=findings):
            if stage is TaskStage.SUBMITTED or (stage is TaskStage.ORDERED and not crew):
                return None
            who, how = name("crew", crew), STAGES[stage]
            why = f": {findings['why']}" if "why" in findings else ""
            grade = 3 if stage in (TaskStage.FAILED, TaskStage.WITHDRAWN) and why else 5
            task = name("task", id_)
            return id_, grade, f"{who.zh}{how.zh}：{task.zh}", f"{who.en} {how.en} - {task.en}{why}".strip()
        case DepartmentUnreachable(department=department, failures=failures) if failures == 1 or failures % 5 == 0:
            who = name("department", department)
            return department, 3, f"{who.zh}系统无应答（{failures}次）", f"{who.en} does not answer ({failures} times)"
        case DepartmentReached(department=department, silent_s=silent_s):
            who = name("department", department)
            return department, 5, f"{who.zh}系统恢复应答", f"{who.en} answers again after {silent_s / 60:.0f} min"
        case _:
            return None


def _rest(message: Message, name: Namer) -> _Line | None:
    match message:
        case AlarmRaised(id=id_, kind=kind, device=device, fault=fault):
            word = ("设备故障", "Device fault") if fault else ("告警", "Alarm")
            return id_, 0 if fault else 4, f"{word[0]}：{kind}（{device}）", f"{word[1]}: {kind} ({device})"
        case AlarmCleared(id=id_):
            return id_, 5, "告警解除", "Alarm cleared"
        case AnomalyFound(id=id_, evidence=evidence):
            n = len(evidence)
            return id_, 4, f"供水异常：{n}个监测点偏离", f"Supply anomaly: {n} loggers off normal"
        case CommandOrdered(id=id_, name=command, device=device):
            return id_, 5, f"远程指令：{command}（{device}）", f"Command to device: {command} ({device})"
        case CommandUpdated(id=id_, status=status):
            return id_, 5, f"指令状态：{status}", f"Command {status}"
        case CaseFiled(id=id_, type=type_):
            what = EVENTS.get(type_, Name(type_, type_))
            return id_, 4, f"立案：{what.zh}", f"Case filed: {what.en}"
        case CaseMoved(id=id_, step=step, note=note) if step not in (CaseStep.COLLECTED, CaseStep.FILED):
            how = CASE_STEPS[step]
            return id_, 5, f"案件{how.zh}", f"Case {how.en}" + (f" ({note})" if note else "")
        case OrderGiven(subject=subject, seat=seat, order=order):
            return subject, 5, f"席位{seat}指令：{order}", f"Seat {seat} orders: {order}"
        case OrderRefused(subject=subject, seat=seat, why=why):
            return subject, 4, f"席位{seat}指令未执行：{why}", f"Order of seat {seat} refused: {why}"
        case _:
            return None
