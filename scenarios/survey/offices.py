"""The city's departments: one file each, checked against each other."""

from __future__ import annotations

from importlib.resources.abc import Traversable

from datahub.contract.city import Crew, Department
from scenarios.declarations import broken, read, unknown
from scenarios.survey.declared import DepartmentFile


def read_departments(folder: Traversable, *, connectors: tuple[str, ...]) -> dict[str, Department]:
    """Departments by code, from every TOML file of a folder.

    Args:
        folder: ``departments/`` of a city.
        connectors: vendor dialects that there are; empty leaves ``speaks`` unchecked.

    Raises:
        DeclarationError: for a file that is wrong in itself, a code that is not the file's name, an unknown
            connector, a skill that is none of the department's duties, or a crew's code used twice.
    """
    found: dict[str, Department] = {}
    crews: dict[str, str] = {}
    for path in sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name):
        file = read(path, DepartmentFile)
        if path.name != f"{file.code}.toml":
            raise broken(f"code is '{file.code}'", path=path, keys=("code",), remedy=f"name the file {file.code}.toml")
        if connectors and file.speaks not in connectors:
            raise unknown("connector", file.speaks, connectors, path=path, keys=("speaks",))
        for i, crew in enumerate(file.crew):
            for skill in crew.skills:
                if skill not in file.duties:
                    raise unknown("duty of this department", skill, file.duties, path=path, keys=("crew", i, "skills"))
            if crew.code in crews:
                rule = f"crew '{crew.code}' is also in {crews[crew.code]}"
                raise broken(rule, path=path, keys=("crew", i, "code"), remedy="give it a code of its own")
            crews[crew.code] = path.name
        found[file.code] = _department(file)
    return found


def _department(file: DepartmentFile) -> Department:
    """A department as both sides know it."""
    return Department(
        code=file.code,
        zh=file.zh,
        en=file.en,
        speaks=file.speaks,
        duties=file.duties,
        crews=tuple(Crew(c.code, c.zh, c.en, c.lon, c.lat, c.skills, c.vehicle) for c in file.crew),
    )
