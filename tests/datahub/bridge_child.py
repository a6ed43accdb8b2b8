"""A hub with a bridge to the meter cloud in a process of its own, to be killed at any moment.

The cloud is this file's caller's: what it has to tell follows from the count alone. Prints a line after every turn:
how many readings the bridge was told. Arguments: directory, times that the meters have to report, and who goes to the
cloud: the city itself or a courier.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cloud_town import CloudTown, T, cloud, meters_report

from datahub.contract.clock import MINUTE_MS
from scenarios.live.couriers import VendorCouriers

FREEZE_MS = 5 * MINUTE_MS


def main(directory: Path, times: int, couriers: VendorCouriers | None) -> None:
    """Read a cloud that has everything to tell already, page by page, as a hub does that comes back."""
    made = cloud("metercloud")
    for time in range(times):
        meters_report(made, hour=time, hour_ms=FREEZE_MS)
    town = CloudTown({"metercloud": made}, directory, run="", couriers=couriers)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    t = max(town.hub.now or 0, T + times * FREEZE_MS)
    while True:
        t += 20 * MINUTE_MS
        town.turn(t)
        sys.stdout.write(f"{town.bridges.numbered}\n")
        sys.stdout.flush()
        if town.bridges.numbered == made.told:
            break  # what a former process took in last is evaluated too
    town.hub.flush()
    town.vanish()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), VendorCouriers() if sys.argv[3] == "courier" else None)
