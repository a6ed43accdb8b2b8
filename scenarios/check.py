"""``citybrain check``: every declaration is read, and every reference between them followed, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from brain.cases.kinds import case_types
from brain.parameter import parameters
from brain.plans.reading import folders, library
from datahub.connectors.feeds import feed_manifest, feeds, load_feed
from datahub.connectors.loading import load, vendors
from datahub.contract.city import CloudFleet
from datahub.contract.duties import duties
from datahub.contract.errors import DeclarationError, UsageError
from datahub.ingest.thresholds import load as load_thresholds
from scenarios import scenario
from scenarios.agents.duties import DUTIES
from scenarios.agents.practice import ordinary
from scenarios.bridging import unsurveyed
from scenarios.obligations import check_case_types, check_departments, check_plan
from scenarios.survey.city import city_names, load_city, sites
from sensors.actuator import load_actuators
from sensors.faults import Faults
from sensors.kind import load_kinds


def check_all() -> Iterator[str]:
    """Check everything, a line for each sort.

    Raises:
        DeclarationError: about the first rule that is broken.
        UsageError: about the first reference that leads nowhere.
    """
    kinds = load_kinds()
    yield f"{len(kinds)} kinds of sensor, {len(load_actuators())} of actuator"
    for vendor in vendors():
        load(vendor)
    for vendor in feeds():
        if feed_manifest(vendor).kind not in kinds:
            raise UsageError(
                f"vendor '{vendor}' has kind '{feed_manifest(vendor).kind}'; there are: {', '.join(kinds)}"
            )
        load_feed(vendor, secret="-")
    yield f"{len(vendors())} vendors, {len(feeds())} clouds of vendors"
    load_thresholds()
    tables = sorted(
        it.name.removesuffix(".toml") for it in files("brain.parameters").iterdir() if it.name.endswith(".toml")
    )
    for name in tables:
        parameters(name)
    ordinary()
    yield f"{len(tables)} tables of parameters"
    plans, cases = library(), case_types()
    yield f"{len(duties())} duties, {len(plans)} plans, {len(cases)} types of case"
    cities = {name: load_city(name, scale=0.01) for name in city_names()}
    for folder, plan in zip(folders(), plans, strict=True):
        check_plan(plan, path=folder / "plan.toml", cities=cities.values())
    check_case_types(cases, path=files("brain") / "cases" / "types.toml", cities=cities.values())
    for name, city in cities.items():
        check_departments(city, folder=files("scenarios") / "cities" / name / "departments", learnt=DUTIES)
        for kind in kinds.values():
            sites(city, kind)
        for cloud in city.clouds.values():
            _listed(name, cloud)
        yield f"city {name}: {len(city.divisions)} divisions, {len(city.departments)} departments"
    for name in scenario.names():
        declared = scenario.load(name)
        _references(name, declared, set(kinds))
        yield f"scenario {name}: {len(declared.expect)} expectations"


def _listed(name: str, cloud: CloudFleet) -> None:
    """A cloud's list names devices of the register only."""
    strangers = unsurveyed(load_city(name), cloud)
    if strangers:
        raise DeclarationError(
            f"device {strangers[0]} is none of the register's",
            file=f"scenarios/cities/{name}/clouds/{cloud.vendor}.csv",
            remedy="list devices of the vendor's kind only, at scale 1",
        )


def _references(name: str, declared: scenario.Scenario, kinds: set[str]) -> None:
    if declared.city not in city_names():
        raise DeclarationError(
            f"there is no city '{declared.city}'",
            file=str(scenario.path_of(name)),
            remedy=f"choose one of {', '.join(city_names())}",
        )
    if declared.warmup and (unknown := sorted(set(declared.warmup.kinds) - kinds)):
        raise UsageError(f"{scenario.path_of(name)}: warm-up names kind '{unknown[0]}'; there are: {', '.join(kinds)}")
    Faults.declared(declared.faults)
