"""A platform that is opened again says once more what a former process may not have got out."""

from __future__ import annotations

import sys
from pathlib import Path

from datahub.contract.messages import Desired, Reported
from datahub.transport.local import LocalBus
from scenarios.exchange import DirectExchange
from scenarios.platform import Platform, assemble
from scenarios.survey.city import load_city
from sensors.chance import Seeds

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import MINUTE, POST, T0, births

LAMP, OTHER = 99010122010000016, 99010122010000024


def opened(folder: Path, bus: LocalBus) -> Platform:
    return assemble(load_city("harbour"), bus.city_end, DirectExchange({}, Seeds(1)), directory=folder, start=T0)


def test_a_wish_that_nobody_has_reported_goes_out_again_and_one_that_was_does_not(tmp_path: Path) -> None:
    bus = LocalBus()
    platform = opened(tmp_path, bus)
    bus.field_end.send(births(POST, devices=[LAMP, OTHER]))
    platform.hub.intake()
    for device in (LAMP, OTHER):
        platform.hub.commands.desire(device, {"level_ratio": 0.5}, T0)
    bus.field_end.send(Reported(node=OTHER, device=OTHER, t=T0 + 1, state={"level_ratio": 0.5}))
    platform.hub.intake()
    platform.hub.tick(T0 + MINUTE)
    bus.field_end.receive()
    platform.close()
    again = opened(tmp_path, bus)
    said = [one for one in bus.field_end.receive() if isinstance(one, Desired)]
    assert [(one.device, one.state) for one in said] == [(LAMP, {"level_ratio": 0.5})]
    again.close()
