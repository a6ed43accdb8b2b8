"""Every message in a sentence that a person at the centre can read, in Chinese and English."""

from __future__ import annotations

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
from brain.reasons import Namer, reason, task_of
from brain.terms import (
    ACKS,
    AT_DESK,
    CASE_STEPS,
    EVENTS,
    LATIN,
    ROMAN,
    STAGES,
    command_name,
    counted,
    duty_name,
    order_name,
    seat_name,
)
from brain.views import Name, TickerLine
from datahub.contract.codes import AckStatus, CaseStep, TaskStage
from datahub.contract.duties import duties

__all__ = ["EVENTS", "STAGES", "ticker_line"]


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
            told = reason(why, name)
            return id_, 5, f"事件排除：{told.zh}", f"Event dismissed: {told.en}"
        case PlanActivated(event=event, plan=plan, level=level):
            title = name("plan", plan)
            zh, en = f"启动{title.zh}，{ROMAN[level]}级响应", f"Plan '{title.en}' starts at Level {LATIN[level]}"
            return event, level, zh, en
        case LevelChanged(event=event, level=level):
            return event, level, f"响应级别调整为{ROMAN[level]}级", f"Response is now at Level {LATIN[level]}"
        case EventClosed(id=id_, record=record) if "tasks_count" in record:
            hours = float(record.get("closed_s", 0)) / 3_600
            return id_, 5, f"事件处置结束，历时{hours:.1f}小时", f"Incident closed after {hours:.1f} h"
        case WarningIssued(id=id_, people=people, channel=channel):
            channels = {"sms": Name("短信", "text message"), "door": Name("上门", "at the door")}
            by = channels.get(channel, Name(channel, channel))
            return id_, 4, f"发布预警（{by.zh}）：{people:,}人", f"Warning issued ({by.en}) to {people:,} people"
        case WarningFedBack(id=id_, sent=sent, delivered=delivered):
            return id_, 5, f"预警反馈：发送{sent:,}，送达{delivered:,}", f"Warning reached {delivered:,} of {sent:,}"
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
            who, how = name("crew", crew), _how(stage, name("duty", id_).en)
            why = f": {findings['why']}" if "why" in findings else ""
            grade = 3 if stage in (TaskStage.FAILED, TaskStage.WITHDRAWN) and why else 5
            task = name("task", id_)
            return id_, grade, f"{who.zh}{how.zh}：{task.zh}", f"{who.en} {how.en} - {task.en}{why}".strip()
        case DepartmentUnreachable(department=department, failures=failures) if failures == 1 or failures % 5 == 0:
            who = name("department", department)
            return (
                department,
                3,
                f"{who.zh}系统无应答（{failures}次）",
                f"{who.en} does not answer ({counted(failures, 'time', 'times')})",
            )
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
            off = counted(n, "logger", "loggers")
            return id_, 4, f"供水异常：{n}个监测点偏离", f"Supply anomaly: {off} off normal"
        case CommandOrdered(id=id_, name=command, object=object_, arguments=arguments):
            what = command_name(command, object_, arguments.get("position_ratio"))
            return id_, 5, f"远程指令：{what.zh}", f"Command to device: {what.en}"
        case CommandUpdated(id=id_, status=status):
            what, how = name("command", id_), ACKS[status]
            grade = 3 if status in (AckStatus.REJECTED, AckStatus.EXPIRED) else 5
            if what.zh == id_:
                return id_, grade, f"远程指令{how.zh}", f"Command {how.en}"
            return id_, grade, f"{how.zh}：{what.zh}", f"Command {how.en}: {what.en}"
        case CaseFiled(id=id_, type=type_):
            what = EVENTS.get(type_, Name(type_, type_))
            return id_, 4, f"立案：{what.zh}", f"Case filed: {what.en}"
        case CaseMoved(id=id_, step=step, note=note) if step not in (CaseStep.COLLECTED, CaseStep.FILED):
            how = CASE_STEPS[step]
            return id_, 5, f"案件{how.zh}", f"Case {how.en}" + (f" ({note})" if note else "")
        case OrderGiven(subject=subject, seat=seat, order=order, arguments=arguments):
            who, what, rest = seat_name(seat), order_name(order), _given(message, name)
            return subject, 5, f"{who.zh}指令：{what.zh}{rest.zh}", f"{who.en} orders: {what.en}{rest.en}"
        case OrderRefused(subject=subject, seat=seat, order=order, why=why):
            who, what, told = seat_name(seat), order_name(order), reason(why, name)
            zh = f"{who.zh}指令「{what.zh}」未执行：{told.zh}"
            return subject, 4, zh, f"{who.en}: could not {what.en}: {told.en}"
        case _:
            return None


def _how(stage: TaskStage, duty: str) -> Name:
    """A task's stage; a desk goes nowhere, so it is never on site."""
    known = duties().get(duty)
    return AT_DESK if known and known.desk and stage in (TaskStage.EN_ROUTE, TaskStage.ON_SITE) else STAGES[stage]


def _given(order: OrderGiven, name: Namer) -> Name:
    """What a person has given with an order: a level, a crew, or a reason in their own words."""
    given = order.arguments
    if "level" in given:
        level = int(given["level"])
        return Name(f"（{ROMAN.get(level, level)}级）", f" (Level {LATIN.get(level, level)})")
    if "crew" in given:
        task, crew = task_of(order.subject, name), name("crew", str(given["crew"]))
        return Name(f"：{task.zh}→{crew.zh}", f" {task.en} to {crew.en}")
    return Name(f"（{given['why']}）", f" ({given['why']})") if given.get("why") else Name("", "")
