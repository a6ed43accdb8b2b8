"""A scenario as it is declared: where and when, what befalls the city, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from datahub.contract.clock import duration_ms, from_datetime
from datahub.contract.errors import UsageError
from scenarios.declarations import Declaration, Overlay, overlay_of, read
from scenarios.expect import Expectation
from scenarios.gazetteer import folder_of


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"'{text}' says no offset; write it like 2025-06-10T18:00:00+08:00")
    return text


def _duration(text: str) -> str:
    duration_ms(text)
    return text


def lasting(text: str) -> str:
    """A duration, if it is any time at all.

    Raises:
        ValueError: if it is not.
    """
    if duration_ms(text) <= 0:
        raise ValueError(f"'{text}' is no time at all; write it like 1d12h, 90m or 45s")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Span = Annotated[str, AfterValidator(lasting)]
Moment = Annotated[str, AfterValidator(_moment)]


class Warmup(Declaration):
    """What the platform hears before the scenario begins, so that it knows what is normal.

    Attributes:
        duration: how long before ``starts``.
        kinds: the only kinds of device that speak during it (the numerous ones would teach nothing more).
    """

    duration: Duration
    kinds: tuple[str, ...]


class Where(Declaration):
    """Criteria by which a scenario finds its place, so that the same story runs in any city.

    Attributes:
        district: ``most_people``, a district's code, or empty for all.
        trunk: only trunk mains.
        diameter_m: nearest to this nominal diameter [m].
        people_cut_off: only where taking the main out of service leaves at least so many people without water.
        pick: ``largest`` (most flow capacity) or ``any`` of those that fit, drawn by the run's seed.
        same_feeder_as: only on the lamp feeder of an earlier disturbance (its number, from 0).
    """

    district: str = ""
    trunk: bool = True
    diameter_m: float | None = Field(None, gt=0)
    people_cut_off: int = Field(0, ge=0)
    pick: Literal["largest", "any"] = "any"
    same_feeder_as: int | None = Field(None, ge=0)


class Disturbance(Declaration):
    """Something that befalls the city.

    Attributes:
        kind: what (a word of ``sensors.world.disturbance``).
        after: when, from the scenario's beginning.
        where: criteria for its place.
        hole_m2: area of a burst's hole [m²].
        leak_a: current through a pole's damaged insulation [A].
        lasts: how long an uplink is cut; only there.
    """

    kind: Literal["main_burst", "lamp_failure", "feeder_failure", "pole_leak", "uplink_cut"]
    after: Duration
    where: Where = Where()
    hole_m2: float = Field(0.0, ge=0)
    leak_a: float = Field(0.0, ge=0)
    lasts: Span | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for kind, key, given in (("pole_leak", "leak_a", self.leak_a > 0), ("uplink_cut", "lasts", bool(self.lasts))):
            if (self.kind == kind) != given:
                rule = f"{kind} needs '{key}'" if self.kind == kind else f"'{key}' belongs to {kind} alone"
                raise ValueError(rule)
        return self

    @property
    def size(self) -> float:
        """How large it is: hole of a burst [m2], current of a leak [A]."""
        return self.leak_a if self.kind == "pole_leak" else self.hole_m2


class Order(Declaration):
    """What an operator tells the poles at a place, through the hub. Only in a virtual run.

    Attributes:
        after: when, from the scenario's beginning.
        at: number of the disturbance (from 0) at whose pole, or behind whose feeder, the devices stand.
        desire: settings that are wanted from now on; or
        command, arguments, expires: an order, and how long it is worth anything.
    """

    after: Duration
    at: int = Field(ge=0)
    desire: dict[str, float] = Field(default_factory=dict)
    command: str = ""
    arguments: dict[str, float] = Field(default_factory=dict)
    expires: Span = "10m"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.desire) == bool(self.command):
            raise ValueError("an order is either a 'desire' or a 'command'")
        return self


class Scenario(Declaration):
    """One story: a city, a span of time, what happens, what must come of it.

    Attributes:
        starts: first moment, city-local with offset.
        faults: rates that differ from the ordinary ones (``sensors.faults.Faults``), for all devices.
        bridges: whether the devices that the city lists for vendors' clouds speak through these, and not on the wire.
        edge: rule sets of edge nodes that are in force (files of ``scenarios/edges``); none: gateways only pass on.
        order: what an operator tells devices meanwhile.
        silent_share: share of orders that a crew's radio swallows (0-1); None: the declared practice.
        expect: outcome value (dotted path) -> band.
    """

    version: Literal[1] = Field(alias="schema")
    zh: str
    en: str
    about: str
    city: str
    starts: Moment
    duration: Span
    scale: float = Field(1.0, gt=0, le=1)
    warmup: Warmup | None = None
    faults: dict[str, float] = Field(default_factory=dict)
    bridges: bool = False
    silent_share: float | None = Field(None, ge=0, le=1)
    edge: tuple[str, ...] = ()
    disturbance: tuple[Disturbance, ...] = ()
    order: tuple[Order, ...] = ()
    expect: dict[str, Expectation]

    @property
    def start(self) -> int:
        """First moment [ms]."""
        return from_datetime(datetime.fromisoformat(self.starts))

    @property
    def length(self) -> int:
        """How long it runs [ms]."""
        return duration_ms(self.duration)

    @property
    def listens(self) -> int:
        """How long the platform listens before [ms]."""
        return duration_ms(self.warmup.duration) if self.warmup else 0


LIBRARY = "scenarios.library"


def names() -> list[str]:
    """Names of all declared scenarios: the folders of the library."""
    return sorted(folder.name for folder in files(LIBRARY).iterdir() if (folder / "scenario.toml").is_file())


def path_of(name: str) -> Traversable:
    """Declaration file of a scenario.

    Raises:
        UsageError: if there is none of that name, naming the nearest.
    """
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        remedy = f"did you mean '{near[0]}'?" if near else "'citybrain list scenarios' names them all"
        raise UsageError(f"there is no scenario '{name}'; {remedy}")
    return files(LIBRARY) / name / "scenario.toml"


def load(name: str, *, overlay: Overlay | None = None) -> Scenario:
    """A scenario by name, with the overlay laid on.

    Raises:
        UsageError: if there is none of that name.
        DeclarationError: if it breaks a rule.
    """
    given: dict[str, Any] = dict(overlay or {})
    return read(path_of(name), Scenario, overlay=given)


def configured(name: str, *, city: str | None, duration: str | None, settings: Sequence[str]) -> Scenario:
    """A scenario with what the command line says laid on.

    Raises:
        UsageError: if there is none of that name, or no such city, or ``duration`` or a setting cannot be read.
        DeclarationError: if what comes of it breaks a rule.
    """
    overlay = overlay_of(settings)
    if city is not None:
        overlay["city"] = city
    if duration is not None:
        try:
            lasting(duration)
        except ValueError as error:
            raise UsageError(f"--for: {error}") from error
        overlay["duration"] = duration
    found = load(name, overlay=overlay)
    folder_of(found.city)
    return found
