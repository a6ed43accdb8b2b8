"""Which work answers which duty: the whole of the crews' trades on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from datahub.connector import WorkOrder
from scenarios.agents import at_desk, on_mains, on_streets
from scenarios.agents.citizen import Citizens
from scenarios.agents.team import Team, Work

#: work(team, order, citizens): a generator that lets time pass, changes the world and returns an outcome.
Trade: TypeAlias = Callable[[Team, WorkOrder, Citizens], Work]

#: What is known to be done; names, and what is done from the desk, are declared in ``datahub/contract/duties.toml``.
DUTIES: Final[Mapping[str, Trade]] = MappingProxyType(
    {
        "confirm_call": at_desk.confirm_call,
        "hydrants_out": at_desk.acknowledge,
        "hydrants_back": at_desk.acknowledge,
        "send_sms": at_desk.send_sms,
        "notify_residents": at_desk.notify_residents,
        "patrol_main": on_mains.patrol_main,
        "close_valve": on_mains.close_valve,
        "open_valve": on_mains.open_valve,
        "repair_main": on_mains.repair_main,
        "flush_main": on_mains.flush_main,
        "disinfect_main": on_mains.disinfect_main,
        "water_quality_test": on_mains.water_quality_test,
        "water_tanker": on_mains.water_tanker,
        "close_road": on_streets.close_road,
        "open_road": on_streets.open_road,
        "repair_lamp": on_streets.repair_lamp,
        "inspect_feeder": on_streets.inspect_feeder,
        "verify_case": on_streets.verify_case,
    }
)
