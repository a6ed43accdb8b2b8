"""The ledger in parts: by node, kind or department, and which sequences are missing; for people and the API.

Parts add up to the whole exactly, at any moment. Safe from any thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from datahub.contract.observations import Ints
from datahub.devices.gaps import Gap, declared
from datahub.ingest.accounts import Accounts, Fate, join
from datahub.ingest.ledger import Tally
from datahub.store.observations import ACCOUNTS

if TYPE_CHECKING:
    from datahub.hub import Hub

_FATES = tuple(fate.name.lower() for fate in Fate)


class By(StrEnum):
    """What the ledger may be divided by (ours)."""

    NODE = "node"
    KIND = "kind"
    DEPARTMENT = "department"


class Part(msgspec.Struct, frozen=True):
    """What one node, kind or department sent, and where it went; ``lost`` never came to the door."""

    name: str
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    lost: int = 0

    @property
    def received(self) -> int:
        """Readings at the door."""
        return self.stored + self.rejected + self.duplicate


@dataclass(frozen=True, slots=True)
class Division:
    """The ledger divided.

    Attributes:
        parts: by name; nodes by code.
        rest: what no part can answer for. By kind: of no known device. By department: of no registered device, too. By
            node nothing, but for what was counted before the hub kept accounts.
        whole: the ledger at the same moment; its ``unattributed`` readings have no part and no rest.
    """

    parts: tuple[Part, ...]
    rest: Part
    whole: Tally


class Books:
    """Reads the accounts of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def divide(self, by: By) -> Division:
        """The whole ledger by node, kind or department."""
        with self._hub.store.lock:
            accounts, whole = self._accounts(), self._hub.ledger.totals()
            names, place = self._places(by, accounts)
        table = np.zeros((len(names) + 1, len(Fate)), np.int64)
        np.add.at(table, (place, accounts.fate), accounts.count)
        parts = tuple(Part(name, *row) for name, row in zip(names, table.tolist(), strict=False) if any(row))
        said = [getattr(whole, fate) - sum(getattr(part, fate) for part in parts) for fate in _FATES]
        return Division(parts, Part("", *said), whole)

    def _accounts(self) -> Accounts:
        """All parts: those that the column store has, and those that it follows up with."""
        found = self._hub.observations.ask(ACCOUNTS)
        columns = [np.asarray(found[name], np.int64) for name in ("node", "device", "count")]
        written = Accounts(columns[0], columns[1], np.asarray(found["fate"], np.uint8), columns[2])
        return join([written, self._hub.memory.accounts()])

    def _places(self, by: By, accounts: Accounts) -> tuple[Sequence[str], Ints]:
        """Names of the parts, and for each account the place of its own among them (behind the last: none)."""
        match by:
            case By.NODE:
                nodes, place = np.unique(accounts.node, return_inverse=True)
                return [str(node) for node in nodes.tolist()], place.astype(np.int64)
            case By.KIND:
                registry = self._hub.registry
                row = registry.rows(accounts.device)
                names = [kind.name for kind in registry.kinds.kinds]
                return _sorted(names, np.where(row >= 0, registry.kind[row], len(names)) if len(registry) else row)
            case By.DEPARTMENT:
                owners = self._hub.care.owners
                with self._hub.store.session() as session:
                    owners.refresh(session)
                number = owners.numbers(accounts.device)
                return _sorted(owners.names, np.where(number < 0, len(owners.names), number))

    def missing(self, *, node: int | None = None) -> list[Gap]:
        """Sequences that something came after, and that have not come: by node, epoch and sequence."""
        with self._hub.store.lock:
            return self._hub.gaps.open(node=node)

    def declared(self, *, node: int | None = None, limit: int = 100, before: int | None = None) -> list[Gap]:
        """Sequences that a node declared lost for ever, newest first."""
        with self._hub.store.session() as session:
            return declared(session, node=node, limit=limit, before=before)


def _sorted(names: Sequence[str], place: Ints) -> tuple[list[str], Ints]:
    """The same, with names in order."""
    order = sorted(range(len(names)), key=names.__getitem__)
    moved = np.empty(len(names) + 1, np.int64)
    moved[[*order, len(names)]] = np.arange(len(names) + 1)
    return [names[i] for i in order], moved[place]


def pages(parts: Sequence[Part], *, after: str, limit: int) -> Iterator[Part]:
    """Parts behind the one called ``after`` (empty: from the first), at most so many."""
    names = [part.name for part in parts]
    start = names.index(after) + 1 if after in names else 0
    yield from parts[start : start + limit]
