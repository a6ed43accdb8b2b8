"""A city from its folder: ``load_city`` surveys it anew each time, from declarations and a seed of its own.

The survey does not depend on a scenario's seed: the same city, to the last meter, in every run.
"""

from __future__ import annotations

import hashlib
from importlib.resources.abc import Traversable

import numpy as np

from datahub.connectors.loading import vendors
from datahub.contract.city import City
from datahub.contract.errors import UsageError
from datahub.devices.coding import recode
from scenarios.declarations import read, unknown
from scenarios.gazetteer import folder_of
from scenarios.survey.assets import Survey
from scenarios.survey.clouds import read_clouds
from scenarios.survey.declared import CityFile, Fleets
from scenarios.survey.divisions import survey_ground
from scenarios.survey.offices import read_departments
from scenarios.survey.register import MOUNTED, taken
from sensors.chance import Seeds
from sensors.kind import Kind, Sites


def load_city(name: str, *, scale: float = 1.0, folder: Traversable | None = None) -> City:
    """A city with its whole asset register.

    Args:
        name: name of the city's folder.
        scale: share of the numerous objects that is kept (meter points, poles with whole feeders) and of the hydrants
            that have a monitor, in (0, 1]; what is kept at a smaller scale has the same code and place at a larger one.
        folder: where the city lies, if not among those that come with the package.

    Raises:
        UsageError: for an unknown city or an impossible scale.
        DeclarationError: for a broken declaration, with file, line, rule and remedy.
    """
    home = folder_of(name) if folder is None else folder
    if not 0 < scale <= 1:
        raise UsageError(f"scale {scale} is outside (0, 1]; it is the share of meters, poles and hydrant monitors kept")
    declared = read(home / "city.toml", CityFile)
    fleets = read(home / "fleets.toml", Fleets)
    departments = read_departments(home / "departments", connectors=vendors())
    for key in Fleets.model_fields:
        owner = getattr(fleets, key).owner
        if owner not in departments:
            raise unknown("department", owner, departments, path=home / "fleets.toml", keys=(key, "owner"))
    seeds = Seeds(declared.seed)
    ground = survey_ground(home, declared, rng=seeds.rng("survey", "ground"))
    survey = Survey(declared, fleets, ground, seeds, scale)
    return City(
        name=declared.name,
        adcode=declared.adcode,
        zh=declared.zh,
        en=declared.en,
        divisions=ground.divisions,
        communities=tuple(division.code for division in ground.communities),
        outline=ground.outline,
        objects={table.name: table for table in survey.objects()},
        water=survey.water,
        departments=departments,
        hash=_digest(home, scale),
        clouds=read_clouds(home / "clouds"),
    )


def sites(city: City, kind: Kind) -> Sites:
    """Where the devices of one kind stand: one on each object of its class, or on each that has one.

    Raises:
        UsageError: if the city has no such objects, or they do not name the gateway.
    """
    table = city.objects.get(kind.mounts_on)
    if table is None:
        surveyed = ", ".join(sorted(city.objects))
        rule = f"kind {kind.name} mounts on '{kind.mounts_on}', of which {city.name} has no survey"
        raise UsageError(f"{rule}; choose one of {surveyed}, or survey it")
    if kind.behind and kind.behind not in table.columns:
        raise UsageError(f"kind {kind.name} stands behind '{kind.behind}', which is no column of '{table.name}'")
    row = np.arange(len(table), dtype=np.int64)
    if MOUNTED in table.columns:
        row = np.flatnonzero(table.columns[MOUNTED])
        table = taken(table, np.asarray(table.columns[MOUNTED], np.bool_))
    behind = table.columns[kind.behind] if kind.behind else None
    return Sites(
        device=recode(table.code, kind.code),
        object=table.code,
        row=row,
        lon=table.lon,
        lat=table.lat,
        community=table.community,
        columns=table.columns,
        node=None if behind is None else recode(behind.astype(np.int64), kind.gateway_code),
    )


def _digest(folder: Traversable, scale: float) -> str:
    """SHA-256 over the names and bytes of a city's files, and the scale."""
    digest = hashlib.sha256(f"scale={scale!r}".encode())
    for name, file in sorted(_files(folder, "")):
        digest.update(f"\0{name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    """Every file below a folder, with its path."""
    found: list[tuple[str, Traversable]] = []
    for it in folder.iterdir():
        path = f"{prefix}{it.name}"
        if it.is_dir():
            found.extend(_files(it, path + "/"))
        elif it.name.endswith((".toml", ".csv", ".geojson")):
            found.append((path, it))
    return found
