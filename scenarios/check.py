"""``citybrain check``: every declaration is read, and every reference between them followed, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

from brain.cases.kinds import case_types
from brain.parameter import parameters
from brain.plans.reading import folders, library
from datahub.connectors.feeds import feed_manifest, feeds, load_feed
from datahub.connectors.loading import load, vendors
from datahub.contract.city import CloudFleet
from datahub.contract.duties import duties
from datahub.contract.errors import DeclarationError, UsageError
from datahub.devices.coding import RESERVED
from scenarios import scenario
from scenarios.agents.duties import DUTIES
from scenarios.agents.practice import ordinary
from scenarios.bridging import unsurveyed
from scenarios.declarations import broken, unknown
from scenarios.edges import declared as edges
from scenarios.gazetteer import city_names
from scenarios.hub_declarations import read_all
from scenarios.obligations import check_case_types, check_departments, check_plan
from scenarios.survey.city import load_city, sites
from sensors.actuator import load_actuators
from sensors.faults import Faults
from sensors.kind import Kind, load_kinds


def check_all() -> Iterator[str]:
    """Check everything, a line for each sort.

    Raises:
        DeclarationError: about the first rule that is broken.
        UsageError: about the first reference that leads nowhere.
    """
    kinds = load_kinds()
    check_classes(kinds)
    yield f"{len(kinds)} kinds of sensor, {len(load_actuators())} of actuator"
    yield f"{len(read_all())} declarations of the hub"
    for vendor in vendors():
        load(vendor)
    for vendor in feeds():
        if feed_manifest(vendor).kind not in kinds:
            raise UsageError(
                f"vendor '{vendor}' has kind '{feed_manifest(vendor).kind}'; there are: {', '.join(kinds)}"
            )
        load_feed(vendor, secret="-")
    yield f"{len(vendors())} vendors, {len(feeds())} clouds of vendors"
    tables = sorted(
        it.name.removesuffix(".toml") for it in files("brain.parameters").iterdir() if it.name.endswith(".toml")
    )
    for name in tables:
        parameters(name)
    ordinary()
    yield f"{len(tables)} tables of parameters"
    rule_sets = {
        name: edges.load(edges.path_of(name), kinds=kinds, actuators=load_actuators()) for name in edges.names()
    }
    yield f"{len(rule_sets)} rule sets of edge nodes, {sum(len(it.rules) for it in rule_sets.values())} rules"
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
        check_edges(name, declared)
        yield f"scenario {name}: {len(declared.expect)} expectations"


def check_classes(kinds: Mapping[str, Kind]) -> None:
    """No kind takes a class of unified codes that something else has."""
    for name, kind in kinds.items():
        for code in (kind.code, kind.gateway_code):
            if code in RESERVED:
                raise UsageError(
                    f"kind '{name}' takes class {code}, which is kept for {RESERVED[code]}; "
                    f"'citybrain new kind' shows a free one"
                )


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


def check_edges(name: str, declared: scenario.Scenario) -> None:
    """Rule sets exist, one at most for each kind; what strikes or is ordered at a disturbance finds one."""
    path, known = scenario.path_of(name), edges.names()
    for place, one in enumerate(declared.edge):
        if one not in known:
            raise unknown("rule set of edge nodes", one, known, path=path, keys=("edge", place))
    for place, it in enumerate(declared.disturbance):
        same = it.where.same_feeder_as
        if same is not None and (same >= place or declared.disturbance[same].kind == "main_burst"):
            rule = (
                f"disturbance {place} should strike where disturbance {same} did, which is no earlier one on a street"
            )
            keys = ("disturbance", place, "where")
            raise broken(rule, path=path, keys=keys, remedy="name an earlier one of a pole or feeder, counted from 0")
    for place, order in enumerate(declared.order):
        if order.at >= len(declared.disturbance) or declared.disturbance[order.at].kind == "main_burst":
            rule = f"order {place} is given at disturbance {order.at}, which is none on a street"
            raise broken(rule, path=path, keys=("order", place, "at"), remedy="name one of a pole or feeder, from 0")
