"""Why something was refused, dismissed or withdrawn, as people read it: the brain's English reasons in both languages.

The transcript keeps reasons as the brain wrote them, with ids; here each is put into words, its ids named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from brain.state import IncidentStage
from brain.terms import EVENTS, INCIDENT_STAGES, counted, duty_name, order_name, seat_name
from brain.views import Name

#: Names of steps, plans, departments, crews, tasks and commands as far as known: (kind, id) -> name.
Namer = Callable[[str, str], Name]

_Told = Callable[[Sequence[str], Namer], Name]


def plain(kind: str, key: str) -> Name:
    """A namer who knows nothing but the ids."""
    del kind
    return Name(key, key)


def reason(why: str, name: Namer) -> Name:
    """A reason in both languages; what nobody has put into words, a person's own above all, stays as it is."""
    for pattern, told in _REASONS:
        found = pattern.fullmatch(why)
        if found is not None:
            return told(found.groups(), name)
    return Name(why, why)


def task_of(id_: str, name: Namer) -> Name:
    """A task with who has it: 'repair the main (Repair crew 2)'."""
    what, crew = name("task", id_), name("task_crew", id_)
    if what.zh == id_:
        return Name("该任务", "the task")
    return Name(f"{what.zh}（{crew.zh}）", f"{what.en} ({crew.en})") if crew.zh not in ("", id_) else what


def _ended_task(given: Sequence[str], name: Namer) -> Name:
    task = task_of(given[0], name)
    return Name(f"任务已结束或已撤回：{task.zh}", f"no longer an open task: {task.en}")


def _no_crew(given: Sequence[str], name: Namer) -> Name:
    crew, department, duty = name("crew", given[0]), name("department", given[1]), duty_name(given[2])
    if not given[0]:
        return Name("未选队伍", "no crew was chosen")
    return Name(
        f"{crew.zh}不是{department.zh}可执行「{duty.zh}」的队伍",
        f"{crew.en} is no crew of {department.en} for: {duty.en}",
    )


def _stage(given: Sequence[str], name: Namer) -> Name:
    del name
    now, order = INCIDENT_STAGES[IncidentStage(given[0])], order_name(given[1])
    return Name(f"事件{now.zh}，不能{order.zh}", f"the event is {now.en}: too late or too early to {order.en}")


def _valves(given: Sequence[str], name: Namer) -> Name:
    del name
    n = int(given[0])
    return Name(f"仍有{n}个阀门关闭，须先打开", f"{counted(n, 'valve is', 'valves are')} still closed; open first")


def _searched(given: Sequence[str], name: Namer) -> Name:
    del name
    n = int(given[0])
    return Name(
        f"巡查{n}处未见漏水，市民来电不符",
        f"patrols looked at {counted(n, 'place', 'places')} in vain and no calls fit",
    )


def _by_seat(given: Sequence[str], name: Namer) -> Name:
    why, seat = reason(given[0], name), seat_name(given[1])
    return Name(f"{why.zh}（{seat.zh}）", f"{why.en} ({seat.en})")


def _fixed(zh: str, en: str) -> _Told:
    return lambda _given, _name: Name(zh, en)


def _no_plan(given: Sequence[str], name: Namer) -> Name:
    del name
    what = EVENTS.get(given[0], Name(given[0], given[0]))
    return Name(f"没有适用于「{what.zh}」的预案", f"no plan answers: {what.en}")


def _no_level(given: Sequence[str], name: Namer) -> Name:
    del name
    return Name(f"没有「{given[0]}」这一级别", f"there is no level '{given[0]}'")


def _forbidden(given: Sequence[str], name: Namer) -> Name:
    del name
    seat, order = seat_name(given[0]), order_name(given[1])
    return Name(f"{seat.zh}无权{order.zh}", f"{seat.en} may not {order.en}")


_SAID: Final[Mapping[str, _Told]] = {
    r"there is no open task '(.*)'": _ended_task,
    r"there is no incident '.*'": _fixed("没有这一事件", "there is no such event"),
    r"'(.*)' is no crew of (\w+) that can (\w+)": _no_crew,
    r"incident '.*' is (raised|confirmed|closed|dismissed); '(\w+)' needs: .*": _stage,
    r"(\d+) valves are still closed for '.*'; open them first": _valves,
    r"no plan answers '(.*)'": _no_plan,
    r"level '(.*)' does not exist; .*": _no_level,
    r"role '\w+' of seat '(\w*)' may not '(\w+)'; .*": _forbidden,
    r"'.*' is no order; .*": _fixed("没有这样的指令", "there is no such order"),
    r"patrols looked at (\d+) places and found nothing, and no calls fit": _searched,
    r"readings are normal again and nobody has seen water": _fixed(
        "读数恢复正常，且无人见到漏水", "readings are normal again and nobody has seen water"
    ),
    r"case .* is open on the same object": _fixed("同一部件已有未结案件", "a case is open on the same object"),
    r"dismissed by a person": _fixed("人工排除", "dismissed by a person"),
    r"(.*) \((viewer|operator|commander)\)": _by_seat,
}

_REASONS: Final = tuple((re.compile(pattern, re.DOTALL), told) for pattern, told in _SAID.items())
