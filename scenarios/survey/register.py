"""Tables of the asset register: coded by district and ordinal, thinned without changing what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import Division, ObjectTable
from datahub.contract.observations import Floats, Ints
from datahub.devices.coding import CLASSES, encode

MOUNTED: Final = "mounted"
"""Column of a table that stays whole at every scale: which of its objects have a device (bool)."""


def coded(
    name: str,
    *,
    communities: Sequence[Division],
    community: NDArray[np.int32],
    lon: Floats,
    lat: Floats,
    owner: str,
    columns: Mapping[str, NDArray[np.generic]] | None = None,
) -> tuple[ObjectTable, Ints]:
    """A table of objects and, for each given row, the row it has got.

    Ordinals run from 1 within each district, in the order given, so codes ascend once districts do.
    """
    district = np.array([int(division.code[:6]) for division in communities], np.int64)[community]
    order = np.argsort(district, kind="stable")
    ranked = district[order]
    ordinal = np.arange(len(order)) - np.searchsorted(ranked, ranked) + 1
    new = np.empty(len(order), np.int64)
    new[order] = np.arange(len(order))
    table = ObjectTable(
        name=name,
        code=encode(ranked, CLASSES[name], ordinal) if len(order) else np.zeros(0, np.int64),
        lon=np.round(lon[order], 7),
        lat=np.round(lat[order], 7),
        community=np.asarray(community[order], np.int32),
        owner=owner,
        columns={key: column[order] for key, column in (columns or {}).items()},
    )
    return table, new


def taken(table: ObjectTable, keep: NDArray[np.bool_]) -> ObjectTable:
    """The rows of a table for which ``keep`` is true."""
    if keep.all():
        return table
    columns = {key: column[keep] for key, column in table.columns.items()}
    return ObjectTable(
        table.name, table.code[keep], table.lon[keep], table.lat[keep], table.community[keep], table.owner, columns
    )


def chosen(code: Ints, ratio: float) -> NDArray[np.bool_]:
    """Which of the codes a share of them keeps: at least one, and at a smaller ratio never another.

    Codes are ranked by a mixing of their own digits (splitmix64, Steele et al. 2014), so the choice depends on
    nothing else and spreads over the city.
    """
    count = min(int(np.ceil(ratio * len(code) - 1e-9)), len(code))
    keep = np.zeros(len(code), np.bool_)
    if count >= len(code):
        keep[:] = True
    elif count:
        keep[np.argpartition(_mixed(code), count - 1)[:count]] = True
    return keep


def _mixed(code: Ints) -> NDArray[np.uint64]:
    """A number as if drawn at random for each code (a bijection, so there are no ties)."""
    z = code.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
