"""Whose a device is: the department that the register names for it, or for the object that it watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlmodel import Session, col, func, select

from datahub.contract.city import City
from datahub.contract.observations import Ints
from datahub.devices.nodes import find
from datahub.devices.registry import Registry
from datahub.store.tables import AssetRow


class Owners:
    """Owner departments of all devices and nodes.

    What the register says of the device itself counts first, then what it says of its object, then the survey of the
    city. A gateway that is no device of its own belongs to whom the first device behind it does.

    Attributes:
        names: codes of the departments, in the order of acquaintance.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.names: list[str] = []
        self._surveyed: tuple[Ints, Ints] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._listed: tuple[Ints, Ints] = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._of_row: Ints = np.zeros(0, np.int64)
        self._known = (-1, -1)

    def survey(self, city: City) -> None:
        """Take over whose the objects of a city are."""
        for name in sorted(city.departments):
            self._number(name)
        tables = list(city.objects.values())
        code = np.concatenate([np.zeros(0, np.int64), *(table.code for table in tables)])
        owner = np.concatenate(
            [np.zeros(0, np.int64), *(np.full(len(table), self._number(table.owner)) for table in tables)]
        )
        order = np.argsort(code, kind="stable")
        self._surveyed = code[order], owner[order]
        self._known = (-1, -1)

    def refresh(self, session: Session) -> None:
        """Follow the register and the registry; costs little if neither has grown."""
        count = session.exec(select(func.count()).select_from(AssetRow)).one()
        self._registry.settle()
        if (self._registry.version, count) == self._known:
            return
        rows = session.exec(select(AssetRow.code, AssetRow.owner).order_by(col(AssetRow.code))).all()
        code = np.array([row[0] for row in rows], np.int64)
        self._listed = code, np.array([self._number(row[1]) for row in rows], np.int64)
        self._of_row = self._found(self._registry.device, self._registry.object)
        self._known = (self._registry.version, count)

    def _number(self, name: str) -> int:
        if not name:
            return -1
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def _found(self, device: Ints, thing: Ints) -> Ints:
        result = np.full(len(device), -1, np.int64)
        for table, code in ((self._listed, device), (self._listed, thing), (self._surveyed, thing)):
            at = find(table[0], code)
            take = (result < 0) & (at >= 0)
            result[take] = table[1][at[take]]
        return result

    def rows(self) -> Ints:
        """Number of the owner (``names``) of each device, in registry order; -1 where nobody knows."""
        return self._of_row

    def devices_of(self, name: str) -> Ints:
        """Codes of the devices that were born and that a department owns; the empty name stands for nobody."""
        number = -1 if not name else self.names.index(name) if name in self.names else -2
        codes: Ints = self._registry.device[self._of_row == number]
        return codes

    def shares(self) -> Mapping[str, int]:
        """How many devices that were born each department owns; those of nobody under the empty name."""
        counts = np.bincount(self._of_row + 1, minlength=len(self.names) + 1)
        return {name: count for name, count in zip(("", *self.names), counts.tolist(), strict=True) if count}

    def of(self, codes: Sequence[int]) -> list[str]:
        """Owner department of each device or node (code); empty where nobody knows."""
        return [self.names[one] if one >= 0 else "" for one in self.numbers(np.array(codes, np.int64)).tolist()]

    def numbers(self, code: Ints) -> Ints:
        """Number of the owner (``names``) of each device or node (code); -1 where nobody knows."""
        registry = self._registry
        row = find(registry.device, code)
        lost = np.flatnonzero(row < 0)
        if len(lost) and len(registry):
            order = np.argsort(registry.node, kind="stable")
            row[lost] = _first(registry.node[order], order, code[lost])
        found = np.where(row >= 0, self._of_row[row], -1) if len(self._of_row) else np.full(len(code), -1)
        unseen = np.flatnonzero(found < 0)
        if len(unseen):
            found[unseen] = self._found(code[unseen], np.zeros(len(unseen), np.int64))
        return found


def _first(node: Ints, order: Ints, code: Ints) -> Ints:
    """Row of the first device behind each node; -1 where there is none."""
    at = np.minimum(np.searchsorted(node, code), len(node) - 1)
    return np.where(node[at] == code, order[at], -1)
