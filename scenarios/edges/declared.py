"""Rules of edge nodes as they are declared, read strictly and held against the kinds and actuators that exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import Field

from datahub.contract.lines import Keys
from scenarios.declarations import Declaration, broken, read, unknown
from sensors.actuator import Actuator, Refused
from sensors.edge import EdgeSpec
from sensors.kind import BATTERY, Kind
from sensors.rules import Release, Rule, When

FOLDER = "scenarios.edges"


class RuleDeclared(Declaration):
    """One rule (``sensors.rules.Rule``); limits in the unit of the property's name.

    Attributes:
        set: the one setting of the device that the node sets, and to what.
    """

    name: str
    zh: str
    en: str
    property: str
    above: float | None = None
    below: float | None = None
    clear: float
    hold_s: float = Field(0.0, ge=0)
    set: dict[str, float] = Field(min_length=1, max_length=1)
    safety: bool = False
    release: Literal["clear", "site"] = "clear"
    when: Literal["always", "uplink_cut"] = "always"
    source: str
    date: dt.date
    unverified: bool = False


class EdgeDeclared(Declaration):
    """What the edge nodes of one kind of device do (``sensors.edge.EdgeSpec``)."""

    version: Literal[1] = Field(alias="schema")
    zh: str
    en: str
    kind: str
    poll_s: int = Field(gt=0, multiple_of=60)
    memory_readings: int = Field(gt=0)
    memory_messages: int = Field(gt=0)
    source: str
    date: dt.date
    unverified: bool = False
    rule: tuple[RuleDeclared, ...]


def names() -> list[str]:
    """Names of all rule sets: the TOML files of this folder."""
    return sorted(it.name.removesuffix(".toml") for it in files(FOLDER).iterdir() if it.name.endswith(".toml"))


def path_of(name: str) -> Traversable:
    """Declaration file of a rule set."""
    return files(FOLDER) / f"{name}.toml"


def load(path: Path | Traversable, *, kinds: Mapping[str, Kind], actuators: Mapping[str, Actuator]) -> EdgeSpec:
    """The edge nodes that a file declares.

    Raises:
        DeclarationError: about the first rule that is broken, with file, line and remedy.
    """
    said = read(path, EdgeDeclared)
    if said.kind not in kinds:
        raise unknown("kind of device", said.kind, kinds, path=path, keys=("kind",))
    kind, actuator = kinds[said.kind], actuators.get(said.kind)
    if not kind.behind or kind.frozen:
        gateways = [name for name, it in kinds.items() if it.behind and not it.frozen]
        rule = f"a {said.kind} does not stand behind a gateway that could look at it"
        raise broken(rule, path=path, keys=("kind",), remedy=f"choose one of: {', '.join(gateways)}")
    if actuator is None:
        raise broken(f"a {said.kind} can be set to nothing", path=path, keys=("kind",), remedy="choose an actuator")
    taken: dict[str, str] = {}
    for place, one in enumerate(said.rule):
        _limits(one, kind, path=path, keys=("rule", place))
        _setting(one, actuator, taken, path=path, keys=("rule", place))
    return EdgeSpec(
        kind=said.kind,
        poll_s=said.poll_s,
        memory_readings=said.memory_readings,
        memory_messages=said.memory_messages,
        rules=tuple(_rule(one) for one in said.rule),
    )


def _limits(one: RuleDeclared, kind: Kind, *, path: Path | Traversable, keys: Keys) -> None:
    """The property exists, in this unit, and the limits are values that it can have."""
    known = {it.name: it for it in kind.descriptor.properties if it.name != BATTERY}
    if one.property not in known:
        stem = one.property.rpartition("_")[0]
        for name in known:
            if stem and name.rpartition("_")[0] == stem:
                remedy = f"give the limits in {name.rpartition('_')[2]} and write '{name}'"
                raise broken(
                    f"'{one.property}' is in the wrong unit", path=path, keys=(*keys, "property"), remedy=remedy
                )
        raise unknown(f"property of a {kind.name}", one.property, known, path=path, keys=(*keys, "property"))
    if (one.above is None) == (one.below is None):
        rule = f"rule '{one.name}' needs exactly one of above and below"
        raise broken(rule, path=path, keys=keys, remedy="give one limit")
    it, word = known[one.property], "above" if one.above is not None else "below"
    limit = one.above if one.above is not None else one.below
    assert limit is not None
    for key, value in ((word, limit), ("clear", one.clear)):
        if not it.low <= value <= it.high:
            rule = f"{key} = {value:g} lies outside what {it.name} can read, {it.low:g} to {it.high:g}"
            raise broken(rule, path=path, keys=(*keys, key), remedy=f"give it in the unit of '{it.name}'")
    if (one.clear >= limit) if word == "above" else (one.clear <= limit):
        rule = f"rule '{one.name}' clears at {one.clear:g}, not on the safe side of its limit {limit:g}"
        raise broken(rule, path=path, keys=(*keys, "clear"), remedy="leave a gap, so that it does not flutter")


def _setting(
    one: RuleDeclared, actuator: Actuator, taken: dict[str, str], *, path: Path | Traversable, keys: Keys
) -> None:
    """The setting exists, can have this value, and no other rule sets it."""
    [(setting, value)] = one.set.items()
    if setting not in actuator.settings:
        raise unknown(f"setting of a {actuator.kind}", setting, actuator.settings, path=path, keys=(*keys, "set"))
    try:
        actuator.complete(actuator.settings[setting], {setting: value})
    except Refused as error:
        raise broken(str(error), path=path, keys=(*keys, "set"), remedy="give a value within its range") from error
    if setting in taken:
        rule = f"rules '{taken[setting]}' and '{one.name}' both set {setting}"
        raise broken(rule, path=path, keys=(*keys, "set"), remedy="let one rule decide over a setting")
    taken[setting] = one.name


def _rule(one: RuleDeclared) -> Rule:
    [(setting, value)] = one.set.items()
    return Rule(
        name=one.name,
        property=one.property,
        above=one.above,
        below=one.below,
        clear=one.clear,
        hold_s=one.hold_s,
        setting=setting,
        value=value,
        safety=one.safety,
        release=Release(one.release),
        when=When(one.when),
    )
