"""All that the brain holds in mind, and which of it has changed since it was last kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from brain.state import Case, CommandState, CrewState, Incident, Line, Task, WarningState

Thing: TypeAlias = Incident | Task | CommandState | WarningState | Case | CrewState | Line


@dataclass(slots=True)
class Memory:
    """Open and finished matters by id; crews and lines by code.

    ``changed`` holds what ``keep`` was called for, in order, until the records have taken it.
    """

    incidents: dict[str, Incident] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    commands: dict[str, CommandState] = field(default_factory=dict)
    warnings: dict[str, WarningState] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    crews: dict[str, CrewState] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    changed: dict[tuple[str, str], Thing] = field(default_factory=dict)

    def keep(self, thing: Thing) -> None:
        """Hold a thing in mind, or note that it has changed."""
        match thing:
            case Incident():
                self.incidents[thing.id] = thing
            case Task():
                self.tasks[thing.id] = thing
            case CommandState():
                self.commands[thing.id] = thing
            case WarningState():
                self.warnings[thing.id] = thing
            case Case():
                self.cases[thing.id] = thing
            case CrewState():
                self.crews[thing.code] = thing
            case Line():
                self.lines[thing.department] = thing
        self.changed[type(thing).__name__, key_of(thing)] = thing

    def tasks_of(self, event: str, step: str | None = None) -> list[Task]:
        """Tasks of an incident or a case, in the order in which they were given."""
        return [task for task in self.tasks.values() if task.event == event and step in (None, task.step)]

    def commands_of(self, event: str, step: str | None = None) -> list[CommandState]:
        """Commands of an incident, in the order in which they were given."""
        return [each for each in self.commands.values() if each.event == event and step in (None, each.step)]

    def open_tasks(self) -> list[Task]:
        """Tasks on which somebody works, or should."""
        return [task for task in self.tasks.values() if task.open]

    def open_incidents(self) -> list[Incident]:
        """Incidents that still need anyone."""
        return [incident for incident in self.incidents.values() if incident.open]


def key_of(thing: Thing) -> str:
    """What a thing is kept under."""
    if isinstance(thing, CrewState):
        return thing.code
    return thing.department if isinstance(thing, Line) else thing.id
