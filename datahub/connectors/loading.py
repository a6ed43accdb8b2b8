"""The folder is the registry: each vendor's folder here is one dialect, with both its sides."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeAlias, cast

import msgspec

from datahub.connector import Connector, Stub
from datahub.connectors.order_book import Limits, Outage
from datahub.contract.city import Department
from datahub.contract.declared import broken, read
from datahub.contract.errors import DeclarationError, UsageError

#: make(department, outages) -> the department's own system, played from the other side.
StubFactory: TypeAlias = Callable[[Department, Sequence[Outage]], Stub]


class Sort(StrEnum):
    """What a vendor's folder is for: a department's duty desk, or a cloud that speaks for devices."""

    DESK = "desk"
    FEED = "feed"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a vendor's ``manifest.toml`` says."""

    name: str
    zh: str
    en: str
    dialect: str
    version: int
    limits: Limits
    sort: Literal["desk"] = "desk"


def vendors(sort: Sort = Sort.DESK) -> tuple[str, ...]:
    """Names of all vendors of one sort, in order."""
    rooms = sorted(folder.name for folder in _rooms().iterdir() if folder.joinpath("manifest.toml").is_file())
    return tuple(name for name in rooms if _sort(name) == sort)


def manifest(vendor: str) -> Manifest:
    """The vendor's declaration.

    Raises:
        UsageError: if there is no such vendor.
        DeclarationError: if its manifest breaks a rule.
    """
    path = _rooms().joinpath(vendor, "manifest.toml")
    if not vendor or not path.is_file() or _sort(vendor) != Sort.DESK:
        raise UsageError(f"no vendor '{vendor}'; there are: {', '.join(vendors())}")
    return read_manifest(path.read_text("utf-8"), vendor=vendor, file=str(path))


def read_manifest(text: str, *, vendor: str, file: str) -> Manifest:
    """What the manifest of a department's vendor says.

    Raises:
        DeclarationError: if it breaks a rule.
    """
    declared = read(text, Manifest, file=file, remedy="write it like another vendor's manifest")
    if declared.name != vendor:
        rule = f"name is '{declared.name}', not that of the folder"
        raise broken(rule, "name", file=file, text=text, remedy=f'write name = "{vendor}"')
    return declared


def load(vendor: str) -> tuple[Connector, StubFactory]:
    """A vendor's connector, and what makes stubs of its system."""
    declared = manifest(vendor)
    room = f"datahub.connectors.{vendor}"
    connector = cast("Callable[[], Connector]", import_module(f"{room}.connector").CONNECTOR)
    stub = cast("Callable[..., Stub]", import_module(f"{room}.stub").STUB)

    def make(department: Department, outages: Sequence[Outage] = ()) -> Stub:
        return stub(department, limits=declared.limits, outages=tuple(outages))

    return connector(), make


def _sort(vendor: str) -> str:
    """The sort that a manifest names; a manifest that is no TOML is a desk's, and refused where it is read.

    Raises:
        DeclarationError: if there is no such sort.
    """
    path = _rooms().joinpath(vendor, "manifest.toml")
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError:
        return Sort.DESK
    return sort_of(said, file=str(path))


def sort_of(said: Mapping[str, Any], *, file: str) -> Sort:
    """The sort that a manifest names; a department's where it names none.

    Raises:
        DeclarationError: if there is no such sort.
    """
    name = said.get("sort", Sort.DESK.value)
    if name not in (known := [sort.value for sort in Sort]):
        raise DeclarationError(
            f"there is no vendor of sort '{name}'", file=file, remedy=f"choose one of {', '.join(known)}"
        )
    return Sort(name)


def _rooms() -> Traversable:
    return files("datahub.connectors")
