"""What people see of the city: one immutable situation, published at the end of each tick.

Nothing here can be changed, and nothing here changes anything: a screen or a report in another thread may hold a
``Situation`` as long as it likes. Times are city time [ms], 0 where it has not come to that; names are in Chinese and
English.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from brain.state import Fact


@dataclass(frozen=True, slots=True)
class Name:
    """A name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Vital:
    """One indicator: its value now, the band of normal, and the last values.

    Attributes:
        value: in ``unit``; None while nobody has said anything.
        low, high: normal band; None: open on that side.
        n: how many readings it rests on.
        trend: values of the last ticks, oldest first.
    """

    key: str
    name: Name
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    t: int = 0
    trend: tuple[float, ...] = ()

    @property
    def outside(self) -> bool:
        """Whether the value lies outside its normal band."""
        if self.value is None:
            return False
        return (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)


@dataclass(frozen=True, slots=True)
class StepView:
    """One line of the plan's checklist. ``outcome``: what it brought to light, in the plan's facts; empty before."""

    id: str
    name: Name
    phase: str
    owner: Name
    stage: str
    round: int
    opened: int
    deadline: int
    done: int
    overdue: bool
    tasks: tuple[str, ...]
    outcome: tuple[tuple[str, Fact], ...] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """A managed object on the map."""

    code: int
    lon: float
    lat: float
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident with its plan.

    Attributes:
        level: 1 (gravest) to 4; 0 before a plan is active.
        next_deadline: the earliest of its open steps; 0: none.
        area: communities cut off -> people.
        candidates: where it may be, likeliest first.
        orders: what a seat may order of it now.
    """

    id: str
    type: str
    name: Name
    stage: str
    level: int
    lon: float
    lat: float
    object: int
    where: Name
    raised: int
    confirmed: int
    activated: int
    closed: int
    next_deadline: int
    people: int
    area: tuple[tuple[str, int], ...]
    candidates: tuple[Spot, ...]
    to_close: tuple[Spot, ...]
    closed_valves: tuple[Spot, ...]
    devices: tuple[int, ...]
    facts: tuple[tuple[str, Fact], ...]
    reasons: tuple[str, ...]
    steps: tuple[StepView, ...]
    orders: tuple[str, ...]
    record: tuple[tuple[str, Fact], ...]


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task of a department. ``eta``: when the crew should be there; ``duty``: what a crew must be able to do."""

    id: str
    event: str
    step: str
    name: Name
    department: Name
    crew: str
    stage: str
    attempt: int
    ordered: int
    arrived: int
    finished: int
    deadline: int
    eta: int
    lon: float
    lat: float
    duty: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody still works on it."""
        return self.stage not in ("done", "failed", "withdrawn")


@dataclass(frozen=True, slots=True)
class CrewView:
    """Where a crew is and what it does; ``task`` is empty while it is free."""

    code: str
    name: Name
    department: Name
    vehicle: str
    lon: float
    lat: float
    heard: int
    task: str
    stage: str
    eta: int
    silent: bool


@dataclass(frozen=True, slots=True)
class WarningView:
    """One warning and whom it reached."""

    id: str
    event: str
    channel: str
    severity: str
    communities: tuple[str, ...]
    people: int
    issued: int
    sent: int
    delivered: int
    text: Name


@dataclass(frozen=True, slots=True)
class CaseView:
    """One grid case."""

    id: str
    type: str
    name: Name
    step: str
    lon: float
    lat: float
    object: int
    community: str
    filed: int
    deadline: int
    handled: int
    closed: int
    reworks: int
    on_time: bool


@dataclass(frozen=True, slots=True)
class TickerLine:
    """One message in words. ``grade``: 1-4 like a level, 5 ordinary, 0 a device's fault."""

    t: int
    kind: str
    subject: str
    grade: int
    text: Name


@dataclass(frozen=True, slots=True)
class Curve:
    """One device's property over time, with its normal band (empty while none is learned).

    Attributes:
        lon, lat: where the device watches [deg]; 0 while unknown.
        site: what it watches: plant, trunk or inlet; empty while unknown.
        limit: least value of normal service, where there is such a limit.
        guessed: by each time of the band, whether it rests on one day only and its width is a declared share.
    """

    device: int
    property: str
    name: Name
    unit: str
    t: tuple[int, ...]
    value: tuple[float, ...]
    band_t: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    lon: float = 0.0
    lat: float = 0.0
    site: str = ""
    limit: float | None = None
    guessed: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """Devices of one kind in one cell of the map: how many, and how many of them should speak and do not."""

    lon: float
    lat: float
    total: int
    abnormal: int


@dataclass(frozen=True, slots=True)
class Layer:
    """All devices of one kind that are in service, by state, and where all of them are."""

    kind: str
    name: Name
    online: int
    silent: int
    dead: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class LineView:
    """The line to one department's system. ``failures``: unanswered in a row; ``retry``: when it is tried again."""

    department: str
    name: Name
    failures: int
    since: int
    retry: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the picture is: the newest reading of each property [ms]."""

    t: int
    newest: tuple[tuple[str, int], ...]

    def age_s(self, property_: str) -> float | None:
        """Age of the newest reading of a property [s]; None: there is none."""
        newest = dict(self.newest).get(property_)
        return None if newest is None else (self.t - newest) / 1_000


@dataclass(frozen=True, slots=True)
class Air:
    """What it is like outside: the median over the ``n`` poles that spoke last of air temperature [degC] and so on."""

    n: int
    temperature_c: float
    humidity_percent: float
    pm2_5_ug_m3: float


@dataclass(frozen=True, slots=True)
class Situation:
    """All that there is to see, as of ``t``."""

    t: int
    city: Name
    incidents: tuple[IncidentView, ...] = ()
    tasks: tuple[TaskView, ...] = ()
    crews: tuple[CrewView, ...] = ()
    warnings: tuple[WarningView, ...] = ()
    cases: tuple[CaseView, ...] = ()
    vitals: tuple[Vital, ...] = ()
    curves: tuple[Curve, ...] = ()
    layers: tuple[Layer, ...] = ()
    lines: tuple[LineView, ...] = ()
    ticker: tuple[TickerLine, ...] = ()
    fresh: Freshness = field(default_factory=lambda: Freshness(0, ()))
    air: Air | None = None

    @property
    def at_war(self) -> bool:
        """Whether a plan is in force (平战结合: the same centre leaves daily monitoring)."""
        return any(each.activated and not each.closed for each in self.incidents)
