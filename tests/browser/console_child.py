"""A city process in small: harbour's real brain with scripted senses, and the operations centre on a real server.

Reads one JSON command a line from stdin and answers each with one line, so that a test decides when time goes on.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from fastapi import FastAPI

from brain.console.door import open_door
from brain.console.site import mount
from brain.model import OrderGiven
from brain.views import Curve, Name, Situation, TickerLine, Vital
from datahub.contract.clock import MINUTE_MS
from scenarios.live.serving import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "brain"))
from play import Play, burst

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{constructor}}'


class City:
    """The brain, what people have ordered, and what is shown beside what the brain says."""

    def __init__(self) -> None:
        self.play = Play(watched=True)
        self.orders: list[OrderGiven] = []
        self.hostile = False
        self._shown: tuple[Situation, bool, Situation] | None = None

    def situation(self) -> Situation:
        """The brain's situation, with curves and vital signs of a hub that is not there."""
        said = self.play.brain.board.situation
        if self._shown is None or self._shown[0] is not said or self._shown[1] != self.hostile:
            self._shown = (said, self.hostile, self._dressed(said))
        return self._shown[2]

    def _dressed(self, said: Situation) -> Situation:
        times = tuple(said.t - minute * MINUTE_MS for minute in range(120, -1, -5))
        curve = Curve(
            device=1, property="pressure_pa", name=Name("压力", "Pressure"), unit="Pa",
            t=times, value=tuple(300_000.0 - 100.0 * i for i in range(25)),
            band_t=times, low=(280_000.0,) * 25, high=(320_000.0,) * 25, lon=114.53, lat=21.74, site="inlet",
            limit=140_000.0, guessed=(False,) * 12 + (True,) * 13,
        )  # fmt: skip
        sign = Vital("zone_pressure_pa", Name("最低分区压力", "Lowest zone pressure"), "Pa", 17_240.0,
                     low=21_000.0, high=26_000.0, n=6, t=said.t, trend=(24_000.0, 20_000.0, 17_240.0))  # fmt: skip
        ticker = said.ticker
        if self.hostile:
            ticker = (*ticker, TickerLine(said.t, "TaskUpdated", "x", 3, Name(HOSTILE, HOSTILE)))
        crews = tuple(
            dataclasses.replace(crew, name=Name(HOSTILE, HOSTILE)) if self.hostile else crew for crew in said.crews
        )
        return dataclasses.replace(said, curves=(curve,), vitals=(sign,), ticker=ticker, crews=crews)

    def order(self, given: OrderGiven) -> None:
        """Note the order and give it to the brain."""
        self.orders.append(given)
        self.play.brain.order(given)

    def do(self, command: dict[str, object]) -> dict[str, object]:
        """One command of the test."""
        match command["do"]:
            case "burst":
                self.play.senses.says.append(burst(self.play.t + MINUTE_MS))
                self.play.step()
            case "step":
                for _ in range(int(str(command["minutes"]))):
                    self.play.step()
            case "hostile":
                self.hostile = bool(command["on"])
            case _:
                pass
        return {
            "t": self.play.t,
            "incidents": [each.id for each in self.play.brain.board.situation.incidents],
            "orders": [[each.order, each.seat, each.role, each.arguments] for each in self.orders],
        }


def main(port: int, folder: Path) -> None:
    """Serve until stdin ends."""
    city, api = City(), FastAPI()
    door = open_door(folder, given={"operator": "operator-password", "commander": "commander-password"})
    mount(api, city=city.play.city, situation=city.situation, order=city.order, seats=door)
    city.play.step()
    with Server(api, host="127.0.0.1", port=port) as server:
        print(json.dumps({"url": server.url}), flush=True)
        for line in sys.stdin:
            print(json.dumps(city.do(json.loads(line))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
