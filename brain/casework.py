"""Casework: an event that devices raised becomes a grid case and walks its seven steps."""

from __future__ import annotations

from collections.abc import Iterator

from brain.cases.course import advance, duplicate_of
from brain.model import CaseMoved, EventDismissed, EventRaised, Message
from brain.office import Office
from brain.state import Case
from datahub.contract.codes import CaseStep


def collect(office: Office, said: EventRaised) -> Iterator[Message]:
    """An event of a declared case type is collected, unless an open case on the same thing exists (关联比对)."""
    kind = office.cases.get(said.type)
    name = f"case.{said.id}"
    if kind is None or name in office.memory.cases:
        return
    other = duplicate_of(office.memory.cases.values(), type=said.type, object=said.place.object)
    if other is not None:
        yield EventDismissed(t=office.t, id=said.id, why=f"case {other.id} is open on the same object")
        return
    case = Case(id=name, type=kind.name, event=said.id, place=said.place, department=kind.department, collected=said.t)
    office.memory.keep(case)
    yield CaseMoved(t=office.t, id=case.id, step=CaseStep.COLLECTED, by="device")


def walk_cases(office: Office) -> Iterator[Message]:
    """What comes next for each case that is not evaluated yet."""
    for case in office.memory.cases.values():
        if case.step is CaseStep.EVALUATED:
            continue
        tasks = office.memory.tasks_of(case.id)
        reading = office.senses.well(case) if case.step is CaseStep.FED_BACK else None
        yield from advance(case, office.cases[case.type], tasks, reading=reading, t=office.t)
