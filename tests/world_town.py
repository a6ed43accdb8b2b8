"""A literal town to test the world on: twelve communities by the sea and two on an island, with a plant each side."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from datahub.contract.city import City, Division, ObjectTable, WaterNetwork
from datahub.contract.clock import from_datetime
from datahub.devices.coding import CLASSES, encode
from scenarios.survey.network import PlantSpec, lay_network

ADCODE = "990201"
MIDNIGHT = from_datetime(datetime(2025, 6, 18))  # noqa: DTZ001 - city-local, a Wednesday
METERS = 40


def communities() -> list[Division]:
    places = [(114.30 + 0.012 * (i % 4), 22.10 + 0.010 * (i // 4)) for i in range(12)]
    places += [(114.50, 22.00), (114.505, 22.00)]
    return [
        Division(f"{ADCODE}001{i:03d}", "community", f"第{i}社区", f"Community {i}", f"{ADCODE}001", 6_000, lon, lat)
        for i, (lon, lat) in enumerate(places)
    ]


def plants() -> list[PlantSpec]:
    return [
        PlantSpec("north", "北水厂", "North Works", 114.31, 22.14, 55.0),
        PlantSpec("east", "东水厂", "East Works", 114.36, 22.10, 57.0),
        PlantSpec("isle", "岛水厂", "Isle Works", 114.50, 22.004, 45.0, system=1),
    ]


def network(seed: int = 5) -> WaterNetwork:
    places = communities()
    return lay_network(
        adcodes=[ADCODE] * len(places),
        communities=places,
        households=np.array([2_500] * 12 + [METERS, METERS], np.int64),
        system=np.array([0] * 12 + [1, 1], np.int32),
        plants=plants(),
        rng=np.random.default_rng(seed),
    )


def table(name: str, lon: list[float], lat: list[float], **columns: list[float] | list[int]) -> ObjectTable:
    n = len(lon)
    return ObjectTable(
        name,
        encode(ADCODE, CLASSES[name], np.arange(1, n + 1)),
        np.array(lon),
        np.array(lat),
        np.zeros(n, np.int32),
        "lighting",
        {key: np.array(values) for key, values in columns.items()},
    )


def city(seed: int = 5) -> City:
    """The town with all meters of the island, eight poles on two feeders, and three junctions."""
    places, water = communities(), network(seed)
    feeders = table("lamp_feeder", [114.31, 114.32], [22.1, 22.1])
    isle = np.flatnonzero(np.asarray(water.nodes.columns["system"]) == 1)
    node = np.repeat(isle, np.asarray(water.nodes.columns["households"])[isle]).tolist()
    objects = [
        feeders,
        table(
            "pole",
            [114.31 + 0.001 * i for i in range(8)],
            [22.1] * 8,
            feeder=np.repeat(feeders.code, 4).tolist(),
            lamp_w=[150.0] * 4 + [80.0] * 4,
            road_class=[3] * 4 + [1] * 4,
        ),
        table("signal_junction", [114.31, 114.32, 114.34], [22.1] * 3, approaches=[4, 4, 3], road_class=[3, 2, 1]),
        table("meter_point", [114.5] * len(node), [22.0] * len(node), node=node),
    ]
    return City(
        name="town",
        adcode="990200",
        zh="小城",
        en="Town",
        divisions={place.code: place for place in places},
        communities=tuple(place.code for place in places),
        outline=(),
        objects={one.name: one for one in objects},
        water=water,
        departments={},
        hash="",
    )
