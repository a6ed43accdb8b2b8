"""A hub in a process of its own, fed by a node that keeps and resends: to be killed at any moment.

Prints, after every exchange, how far the node's outbox was released. Arguments: directory, readings in all.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hub_town import GATEWAY, METER, POST, T0, births, pack

from datahub.contract.messages import Watermarks
from datahub.hub import Hub
from datahub.transport.local import LocalBus

SIZE = 7


def main(directory: Path, total: int) -> None:
    """Send everything from the start, as a node does that lost its memory of what was acknowledged, then go on."""
    bus = LocalBus()
    field = bus.field_end
    hub = Hub("harbour", "440499", directory, bus.city_end, start=T0, write_rows=50)
    field.send(births(METER, devices=[101]))
    field.send(births(POST, devices=[201], nodes=[GATEWAY]))
    hub.intake()
    sys.stdout.write(f"ready {len(field.receive())}\n")
    for first in range(0, total, SIZE):
        numbers = range(first, min(first + SIZE, total))
        field.send(pack(101, [(101, "volume_m3", T0 + n, n / 4) for n in numbers], first=first))
        leaks = [(201 if n % 6 else 999, "leakage_current_a", T0 + n, n % 50 / 1000) for n in numbers]
        field.send(pack(GATEWAY, leaks, first=first))
        hub.intake()
        marks = {
            node: mark
            for message in field.receive()
            if isinstance(message, Watermarks)
            for node, mark in zip(message.node.tolist(), message.sequence.tolist(), strict=True)
        }
        sys.stdout.write(f"{marks[101]} {marks[GATEWAY]}\n")
        sys.stdout.flush()
        if first % 3 == 0:
            hub.tick(T0 + first)
    hub.tick(T0 + total)
    hub.close()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
