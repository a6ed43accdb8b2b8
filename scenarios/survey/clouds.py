"""Vendors' clouds of a city: one file each, and beside it the list of devices, by the vendor's own ids."""

from __future__ import annotations

import csv
from importlib.resources.abc import Traversable
from typing import Final

from datahub.connectors.feeds import feeds
from datahub.contract.city import CloudFleet
from datahub.contract.errors import DeclarationError
from datahub.devices import coding
from scenarios.declarations import broken, read, text_of, unknown
from scenarios.survey.declared import CloudFile

HEAD: Final = ["vendor_id", "device"]
"""First line of a list: the vendor's id of a device, and its unified code."""

REMEDY: Final = "write lines like MC004711,99010122020000118"


def read_clouds(folder: Traversable) -> dict[str, CloudFleet]:
    """Clouds by vendor, from every TOML file of a folder; none if there is no folder.

    Raises:
        DeclarationError: for a file that is wrong in itself, a vendor that is none or not the file's name, an ordinal
            used twice, or a list that breaks a rule, with its line.
    """
    if not folder.is_dir():
        return {}
    found: dict[str, CloudFleet] = {}
    for path in sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name):
        file = read(path, CloudFile)
        if path.name != f"{file.vendor}.toml":
            rule, remedy = f"vendor is '{file.vendor}'", f"name the file {file.vendor}.toml"
            raise broken(rule, path=path, keys=("vendor",), remedy=remedy)
        if file.vendor not in feeds():
            raise unknown("vendor's cloud", file.vendor, feeds(), path=path, keys=("vendor",))
        if file.ordinal in {one.ordinal for one in found.values()}:
            rule = f"another cloud has ordinal {file.ordinal} too"
            raise broken(rule, path=path, keys=("ordinal",), remedy="give each a number of its own")
        devices = _listed(folder / f"{file.vendor}.csv")
        found[file.vendor] = CloudFleet(file.vendor, file.ordinal, file.poll_s, devices)
    return found


def _listed(path: Traversable) -> dict[str, int]:
    """Unified codes by the vendor's ids, each once."""
    rows = list(csv.reader(text_of(path).splitlines()))
    if not rows or rows[0] != HEAD:
        raise DeclarationError(f"the first line is not {','.join(HEAD)}", file=str(path), line=1, remedy=REMEDY)
    devices: dict[str, int] = {}
    codes: set[int] = set()
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(HEAD) or not row[0] or not (row[1].isascii() and row[1].isdecimal() and len(row[1]) <= 18):
            raise DeclarationError("this is no vendor's id and code", file=str(path), line=line, remedy=REMEDY)
        vendor_id, code = row[0], int(row[1])
        if not coding.valid(code).all():
            rule = f"{code} is no unified code (17 digits, MOD 11,10)"
            raise DeclarationError(rule, file=str(path), line=line, remedy="copy it from the register")
        if vendor_id in devices or code in codes:
            rule = f"'{vendor_id}' or {code} stands in an earlier line too"
            raise DeclarationError(rule, file=str(path), line=line, remedy="list each device once")
        devices[vendor_id] = code
        codes.add(code)
    return devices
