"""The registry's rows: births made durable, and the registry built again from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from sqlalchemy import Connection, text

from datahub.contract.codes import DeviceState
from datahub.contract.messages import BirthBatch, KindDescriptor
from datahub.devices.registry import STAGES, Registry
from datahub.store.session import Store

_CHUNK = 50_000

_UPSERT = (
    "INSERT INTO hub_device (device, node, epoch, kind, object, lon, lat, stage) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (device) DO UPDATE SET node = excluded.node, epoch = excluded.epoch, kind = excluded.kind, "
    "object = excluded.object, lon = excluded.lon, lat = excluded.lat WHERE excluded.epoch >= hub_device.epoch AND "
    f"(excluded.node = hub_device.node OR hub_device.stage = {STAGES.index(DeviceState.MAINTENANCE)})"
)


def save_births(connection: Connection, registry: Registry, births: Sequence[BirthBatch]) -> None:
    """Make births durable; the registry has learned their kinds already. Again is harmless.

    A device that is known keeps its stage of working life, and unless it is in maintenance the node that speaks for it.
    Rows go in as plain tuples, 50 000 at a time.
    """
    active = STAGES.index(DeviceState.ACTIVE)
    save_kinds(connection, registry)
    for batch in births:
        _save_former(connection, registry, batch)
        kind = registry.kinds.kind_number(batch.kind.name)
        for start in range(0, len(batch), _CHUNK):
            part = slice(start, start + _CHUNK)
            columns = [
                column[part].tolist()
                for column in (batch.device, batch.node, batch.epoch, batch.object, batch.lon, batch.lat)
            ]
            rows = [(d, n, e, kind, o, x, y, active) for d, n, e, o, x, y in zip(*columns, strict=True)]
            connection.exec_driver_sql(_UPSERT, rows)


def _save_former(connection: Connection, registry: Registry, batch: BirthBatch) -> None:
    """Nodes that are born anew: the epoch that this birth ends, or that it has missed, is over but was."""
    row = registry.nodes.rows(batch.node)
    known = np.flatnonzero(row >= 0)
    now, epoch = registry.nodes.epoch[row[known]], batch.epoch[known]
    over = np.unique(np.stack((batch.node[known], np.minimum(now, epoch)), axis=1)[now != epoch], axis=0)
    if len(over):
        connection.exec_driver_sql(
            "INSERT INTO hub_epoch (node, epoch) VALUES (?, ?) ON CONFLICT (node, epoch) DO NOTHING",
            [tuple(pair) for pair in over.tolist()],
        )


def save_deaths(connection: Connection, buried: Mapping[int, int]) -> None:
    """Make durable who died in which epoch (node -> epoch [ms])."""
    if buried:
        connection.execute(
            text(
                "INSERT INTO hub_death (node, epoch) VALUES (:n, :e) "
                "ON CONFLICT (node) DO UPDATE SET epoch = excluded.epoch"
            ),
            [{"n": node, "e": epoch} for node, epoch in buried.items()],
        )


def save_kinds(connection: Connection, registry: Registry) -> None:
    """Make the kinds and the numbers of properties durable."""
    kinds = registry.kinds
    connection.execute(
        text(
            "INSERT INTO hub_kind (id, name, descriptor) VALUES (:i, :n, :d) "
            "ON CONFLICT (id) DO UPDATE SET descriptor = excluded.descriptor"
        ),
        [{"i": i, "n": kind.name, "d": msgspec.json.encode(kind)} for i, kind in enumerate(kinds.kinds)],
    )
    if kinds.properties:
        connection.execute(
            text("INSERT INTO hub_property (id, name) VALUES (:i, :n) ON CONFLICT (id) DO NOTHING"),
            [{"i": i, "n": name} for i, name in enumerate(kinds.properties)],
        )


def load(connection: Connection, registry: Registry) -> None:
    """Build the registry from its rows."""
    names = [str(row[0]) for row in connection.execute(text("SELECT name FROM hub_property ORDER BY id"))]
    rows = connection.execute(text("SELECT descriptor FROM hub_kind ORDER BY id")).all()
    registry.kinds.restore(names, [msgspec.json.decode(row[0], type=KindDescriptor) for row in rows])
    for number, kind in enumerate(registry.kinds.kinds):
        found = connection.exec_driver_sql(
            "SELECT device, node, epoch, object, lon, lat, stage FROM hub_device WHERE kind = ? ORDER BY device",
            (number,),
        )
        for chunk in iter(lambda: found.fetchmany(_CHUNK), []):  # noqa: B023 - read before the next kind
            _learn(registry, kind, chunk)
    registry.settle()
    for node, epoch in connection.exec_driver_sql("SELECT node, epoch FROM hub_epoch ORDER BY node, epoch"):
        registry.windows.know(int(node), int(epoch))
    moved = connection.exec_driver_sql("SELECT device, stage FROM hub_device WHERE stage <> 3 ORDER BY device").all()
    for device, stage in moved:
        registry.stage[registry.row(int(device))] = stage


def _learn(registry: Registry, kind: KindDescriptor, rows: Iterable[Sequence[float]]) -> None:
    device, node, epoch, thing, lon, lat, _ = zip(*rows, strict=True)
    registry.learn(
        BirthBatch(
            kind=kind,
            node=np.array(node, np.int64),
            epoch=np.array(epoch, np.int64),
            device=np.array(device, np.int64),
            object=np.array(thing, np.int64),
            lon=np.array(lon, np.float64),
            lat=np.array(lat, np.float64),
        )
    )


def node_codes(store: Store) -> list[int]:
    """Codes of all nodes that were ever born, ascending."""
    with store.transaction() as connection:
        return [int(row[0]) for row in connection.execute(text("SELECT DISTINCT node FROM hub_device ORDER BY node"))]
