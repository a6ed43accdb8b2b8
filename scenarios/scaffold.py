"""``citybrain new``: a first version of a declaration, in its one place, that passes its family's test."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from brain.wording import EVENTS
from datahub.contract.errors import OutsideError, UsageError
from datahub.devices.coding import DEVICE_MAJOR, RESERVED
from scenarios.gazetteer import city_names
from scenarios.settings import load as load_settings
from scenarios.survey.city import load_city
from sensors.kind import load_kinds

_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")

KIND = '''"""{title}: what it observes, where it stands, and how true it is."""

from __future__ import annotations

import numpy as np

from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.kind import Accuracy, Kind, Sites
from sensors.world.world import World


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Air temperature [degC] at each site: replace it by what this kind observes."""
    return np.asarray(world.weather.air_temperature_c(sites.lon, sites.lat), np.float64)[:, None]


KIND = Kind(
    descriptor=KindDescriptor(
        name="{name}",
        zh="{title}",
        en="{title}",
        properties=(
            PropertyDescriptor(
                "air_temperature_c", resolution=0.1, low=-40.0, high=60.0, period_s=600.0, zh="气温", en="Air"
            ),
        ),
        report_s=600.0,
    ),
    code="{code}",
    mounts_on="signal_junction",
    sample_s=600,
    report_s=600,
    measure=measure,
    accuracy=(Accuracy(noise=0.2),),
)
'''

DEPARTMENT = """# {title}: replace every word and number by the department's own, and say where it is from.
code = "{name}"
zh = "{title}"
en = "{title}"
speaks = "orderdesk"
duties = ["notify_residents"]
source = "unverified"

[[crew]]
code = "{crew}-1"
zh = "{title}"
en = "{title}"
lon = {lon:.4f}
lat = {lat:.4f}
skills = ["notify_residents"]
vehicle = "desk"
"""

PLAN = """# {title}: a skeleton. Replace every word and number by the plan's own, and say where it is from.
# What may stand here: brain/plans/declared.py (facts, actions, conditions), datahub/contract/duties.toml (duties).

[plan]
name = "{name}"
# The type of event that it answers, one of: {events}.
event = "{event}"
zh = "待命名预案：{title}"
en = "{title} (title to be replaced)"
reference = "to be replaced: the law or plan that this follows"
# While it is a draft it is checked and tested, but answers no event. Strike this line to put it in force.
draft = true
default_level = 4
confirm_when = [[{{ fact = "plausible", equals = 1 }}]]
close_when = [{{ fact = "road_closed", equals = 1 }}]

[[step]]
id = "verify"
zh = "待命名：核实"
en = "Verify (to be replaced)"
phase = "verify"
action = "task"
department = "water_company"
duty = "confirm_call"
deadline_s = {{ value = 600, unit = "s", source = "to be replaced", date = "2026-01-01", unverified = true }}

[[step]]
id = "respond"
zh = "待命名：处置"
en = "Respond (to be replaced)"
phase = "respond"
action = "task"
department = "traffic_police"
duty = "close_road"
after = ["verify"]
deadline_s = {{ value = 1800, unit = "s", source = "to be replaced", date = "2026-01-01", unverified = true }}
"""

CASES = """# The plan's own test: situations, and what the plan says to them.
# ``over``: steps that are done; ``opens`` and ``skips``: what follows at once.

[[case]]
name = "{title}: nothing is confirmed yet, so it is verified first"
confirmed = false
facts = {{}}
over = []
level = 4
opens = ["verify"]
skips = []
"""

SCENARIO = '''schema = 1
zh = "{title}"
en = "{title}"
about = """
What befalls the city, and what must come of it.
"""
city = "harbour"
starts = "2025-06-11T00:00:00+08:00"
duration = "2h"

[expect]
"ledger.closes" = {{ equals = true, why = "both equations of the ledger hold exactly" }}
"incidents.count" = {{ equals = 0, why = "nothing happens yet" }}
'''


def scaffold(what: str, name: str, *, city: str | None = None) -> list[Path]:
    """Write the files of a new kind, department, plan or scenario.

    Raises:
        UsageError: if the sort is unknown, the name is none, or the thing exists.
        OutsideError: if the folder cannot be written.
    """
    if what not in _WRITERS:
        near = get_close_matches(what, _WRITERS, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(_WRITERS)}"
        raise UsageError(f"there is nothing to write for '{what}'; {remedy}")
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' is not a name; write it in lower_case, 2 to 40 letters, digits and underscores")
    written = []
    for path, text in _WRITERS[what](name, city or load_settings().city):
        if path.exists():
            raise UsageError(f"{path} exists already; choose another name or edit it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutsideError(
                f"cannot write {path} ({error.strerror}); work in a checkout you may write to"
            ) from error
        written.append(path)
    return written


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _room(package: str) -> Path:
    return Path(str(files(package)))


def _kind(name: str, _city: str) -> Iterator[tuple[Path, str]]:
    code = free_class([code for kind in load_kinds().values() for code in (kind.code, kind.gateway_code)])
    yield _room("sensors.kinds") / f"{name}.py", KIND.format(name=name, title=_title(name), code=code)


def free_class(taken: Collection[str]) -> str:
    """The first class code for devices that no kind and no gateway has taken and that is kept for nothing else.

    Raises:
        UsageError: if there is none.
    """
    for minor in range(1, 100):
        if (code := f"{DEVICE_MAJOR}{minor:02d}") not in {*taken, *RESERVED}:
            return code
    raise UsageError(f"every class {DEVICE_MAJOR}01 to {DEVICE_MAJOR}99 is taken; open a second major class")


def _department(name: str, city: str) -> Iterator[tuple[Path, str]]:
    if city not in city_names():
        raise UsageError(f"there is no city '{city}'; choose one of {', '.join(city_names())}")
    path = _room("scenarios") / "cities" / city / "departments" / f"{name}.toml"
    middle = load_city(city, scale=0.01).of_level("district")[0]
    yield (
        path,
        DEPARTMENT.format(name=name, title=_title(name), crew=name.replace("_", "-"), lon=middle.lon, lat=middle.lat),
    )


def _plan(name: str, _city: str) -> Iterator[tuple[Path, str]]:
    folder = _room("brain.plans") / "library" / name
    title, events = _title(name), tuple(EVENTS)
    yield folder / "plan.toml", PLAN.format(name=name, title=title, event=events[0], events=", ".join(events))
    yield folder / "cases.toml", CASES.format(title=title)


def _scenario(name: str, _city: str) -> Iterator[tuple[Path, str]]:
    yield _room("scenarios.library") / name / "scenario.toml", SCENARIO.format(title=_title(name))


_WRITERS: dict[str, Callable[[str, str], Iterator[tuple[Path, str]]]] = {
    "kind": _kind,
    "department": _department,
    "plan": _plan,
    "scenario": _scenario,
}
