"""Observations: the readings in the column store, asked for page by page, with every condition left to the database.

History is as of the last tick, as everywhere; a reading that was created a moment ago can be had by its id before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from datahub.api.sensorthings.created import Created
from datahub.api.sensorthings.derived import OWN_KIND
from datahub.api.sensorthings.model import Entity, EntitySet, Fields, Key
from datahub.api.sensorthings.options import Options
from datahub.api.sensorthings.sql import Bound, condition, ordering
from datahub.contract.clock import to_utc
from datahub.contract.observations import Ints
from datahub.hub import Hub

_COLUMNS: Final = "device, property, phenomenon_time, value, quality, sequence"
_REMEMBERED: Final = 10_000
"""Readings that were created and that no tick has seen yet: so many can be had by id. Ours to choose."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose observations: of some devices, and of one property of theirs; None: of all."""

    devices: tuple[int, ...] | None = None
    property: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some observations; ``more``: there are others after them; ``total``, if that was asked."""

    entities: list[Entity]
    more: bool
    total: int | None


class Readings:
    """Looks for observations."""

    def __init__(self, hub: Hub, created: Created) -> None:
        self._hub, self._created = hub, created
        self._recent: OrderedDict[str, Entity] = OrderedDict()

    def remember(self, entity: Entity) -> None:
        """This one was created just now."""
        self._recent[str(entity.key)] = entity
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    def page(self, scope: Scope, options: Options, *, now: int) -> Page:
        """The observations that are wanted, in the order that is wanted (else by time)."""
        where, values = self._where(scope)
        if options.filter is not None:
            text, more = condition(options.filter, now=now)
            where, values = f"{where} AND {text}", [*values, *more]
        by, more = ordering(options.order, default=scope.devices is not None, now=now)
        found = self._rows(
            f"WHERE {where} {by} LIMIT ? OFFSET ?", [*values, *more, options.top + 1, options.skip], top=options.top
        )
        total = None
        if options.count:
            counted = self._ask(f"SELECT count(*) AS n FROM observation WHERE {where}", values)
            total = int(counted["n"][0])
        return Page(found[0], found[1], total)

    def find(self, key: Key) -> Entity | None:
        """The one of that id; None if there is none."""
        parts = str(key).split(":")
        if len(parts) != 4 or not all(one.isdecimal() and len(one) < 19 for one in (parts[0], *parts[2:])):
            return None
        device, name, t, sequence = int(parts[0]), parts[1], int(parts[2]), int(parts[3])
        where, values = self._where(Scope((device,), name))
        found, _ = self._rows(
            f"WHERE {where} AND phenomenon_time = ? AND sequence = ? LIMIT 1", [*values, t, sequence], top=1
        )
        return found[0] if found else self._recent.get(str(key))

    def _where(self, scope: Scope) -> tuple[str, list[Bound]]:
        hidden = self._hidden()
        parts, values = ["1 = 1"], list[Bound]()
        if scope.devices is not None:
            shown = [device for device in scope.devices if device not in hidden]
            parts.append(f"device IN ({', '.join('?' for _ in shown) or 'NULL'})")
            values += shown
        elif hidden:
            parts.append(f"device NOT IN ({', '.join('?' for _ in hidden)})")
            values += hidden
        if scope.property is not None:
            with self._hub.store.lock:
                number = self._hub.registry.kinds.number(scope.property)
            parts.append("property = ?")
            values.append(number)
        return " AND ".join(parts), values

    def _hidden(self) -> list[int]:
        """Devices of datastreams that were deleted: what they said stays in the hub, but is shown here no more."""
        with self._hub.store.lock:
            registry = self._hub.registry
            registry.settle()
            own = np.array([kind.name.startswith(OWN_KIND) for kind in registry.kinds.kinds], np.bool_)
            devices = registry.device[own[registry.kind]].tolist() if len(registry) else []
        return [device for device in devices if self._created.of_device(device) is None]

    def _ask(self, statement: str, values: list[Bound]) -> dict[str, np.ndarray]:
        self._hub.flush()
        return dict(self._hub.observations.ask(statement, values))

    def _rows(self, rest: str, values: list[Bound], *, top: int) -> tuple[list[Entity], bool]:
        found = self._ask(f"SELECT {_COLUMNS} FROM observation {rest}", values)
        with self._hub.store.lock:
            names = list(self._hub.registry.kinds.properties)
        said = self._said(found)
        columns = [found[name].tolist()[:top] for name in _COLUMNS.split(", ")]
        entities = [
            self.entity(device, names[number], t=t, value=value, quality=quality, sequence=sequence, said=result_time)
            for device, number, t, value, quality, sequence, result_time in zip(*columns, said[:top], strict=True)
        ]
        return entities, len(found["device"]) > top

    def _said(self, found: dict[str, np.ndarray]) -> Sequence[int | None]:
        """When each was said, by the pack it came in; None where the journal of packs was made short or says nothing.

        Packs are known by node and numbers, and numbers begin anew with each epoch: the earliest pack that was sent
        after the reading was taken is its own, or the only one there is.
        """
        device = np.asarray(found["device"], np.int64)
        if not len(device):
            return []
        with self._hub.store.lock:
            registry = self._hub.registry
            node: Ints = registry.node[registry.rows(device)]
        sequence, taken = np.asarray(found["sequence"], np.int64), np.asarray(found["phenomenon_time"], np.int64)
        nodes = np.unique(node)
        packs = self._ask(
            "SELECT node, first, count, result_time FROM pack WHERE arrived <> result_time AND first <= ? "
            f"AND first + count > ? AND node IN ({', '.join('?' for _ in nodes)}) ORDER BY result_time",
            [int(sequence.max()), int(sequence.min()), *nodes.tolist()],
        )
        said: list[int | None] = []
        for i in range(len(device)):
            fits = (packs["node"] == node[i]) & (packs["first"] <= sequence[i])
            fits &= packs["first"] + packs["count"] > sequence[i]
            after = np.flatnonzero(fits & (packs["result_time"] >= taken[i]))
            at = after[:1] if len(after) or fits.sum() > 1 else np.flatnonzero(fits)
            said.append(int(packs["result_time"][at[0]]) if len(at) else None)
        return said

    def entity(
        self, device: int, name: str, *, t: int, value: float, quality: int, sequence: int, said: int | None
    ) -> Entity:
        """One reading as an Observation."""
        fields: Fields = {
            "phenomenonTime": to_utc(t),
            "resultTime": None if said is None else to_utc(said),
            "result": self._result(device, value),
            "resultQuality": quality,
        }
        key = f"{device}:{name}:{t}:{sequence}"
        return Entity(EntitySet.OBSERVATIONS, key, fields, device=device, says=name)

    def _result(self, device: int, value: float) -> float | int | bool:
        """The number as its datastream tells it: truth and counts are kept as numbers."""
        stream = self._created.of_device(device)
        kind = str(stream.fields.get("observationType", "")) if stream else ""
        if kind.endswith("OM_TruthObservation"):
            return value != 0
        return int(value) if kind.endswith("OM_CountObservation") and value.is_integer() else value
