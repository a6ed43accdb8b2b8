"""``citybrain list``: what exists, read off the folders that are the registries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from brain.plans.reading import library
from datahub.connectors.feeds import FeedManifest, feed_manifest, feeds
from datahub.connectors.loading import Manifest, manifest, vendors
from datahub.contract.errors import UsageError
from scenarios import scenario
from scenarios.gazetteer import city_names
from scenarios.settings import load as load_settings
from scenarios.survey.city import load_city
from sensors.actuator import load_actuators
from sensors.kind import load_kinds

Rows = list[Sequence[str]]


def listing(what: str) -> tuple[Sequence[str], Rows]:
    """Head and rows of a table of all that exists of one sort.

    Raises:
        UsageError: if there is no such sort.
    """
    if what not in _LISTS:
        near = get_close_matches(what, _LISTS, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(sorted(_LISTS))}"
        raise UsageError(f"there is no list '{what}'; {remedy}")
    return _LISTS[what]()


def _cities() -> tuple[Sequence[str], Rows]:
    cities = [load_city(name, scale=0.01) for name in city_names()]
    return ("name", "中文", "English", "adcode"), [(it.name, it.zh, it.en, it.adcode) for it in cities]


def _scenarios() -> tuple[Sequence[str], Rows]:
    rows: Rows = []
    for name in scenario.names():
        it = scenario.load(name)
        rows.append((name, it.zh, it.en, it.city, it.duration))
    return ("name", "中文", "English", "city", "lasts"), rows


def _kinds() -> tuple[Sequence[str], Rows]:
    rows: Rows = [
        (name, it.descriptor.zh, it.descriptor.en, it.mounts_on, " ".join(p.name for p in it.descriptor.properties))
        for name, it in load_kinds().items()
    ]
    return ("name", "中文", "English", "mounted on", "observes"), rows


def _actuators() -> tuple[Sequence[str], Rows]:
    return ("kind", "takes"), [(name, " ".join(it.commands)) for name, it in load_actuators().items()]


def _plans() -> tuple[Sequence[str], Rows]:
    return ("name", "中文", "English", "steps"), [
        (it.name, it.plan.zh, it.plan.en, f"{len(it.step)}{' (draft)' if it.plan.draft else ''}") for it in library()
    ]


def _vendors() -> tuple[Sequence[str], Rows]:
    found: list[Manifest | FeedManifest] = [manifest(name) for name in vendors()]
    found += [feed_manifest(name) for name in feeds()]
    return ("name", "中文", "English", "dialect"), [(it.name, it.zh, it.en, it.dialect) for it in found]


def _departments() -> tuple[Sequence[str], Rows]:
    city = load_city(load_settings().city, scale=0.01)
    rows: Rows = [
        (it.code, it.zh, it.en, it.speaks, str(len(it.crews)), " ".join(it.duties)) for it in city.departments.values()
    ]
    return ("code", "中文", "English", "speaks", "crews", "duties"), rows


_LISTS: dict[str, Callable[[], tuple[Sequence[str], Rows]]] = {
    "cities": _cities,
    "scenarios": _scenarios,
    "kinds": _kinds,
    "actuators": _actuators,
    "plans": _plans,
    "vendors": _vendors,
    "departments": _departments,
}
