"""The intake has one thread and the doors of the hub have many: devices are born and looked up on all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Self

import numpy as np
import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births, pack

from datahub.contract.codes import DeviceState
from datahub.devices.registry import STAGES

LAMPS = range(100_000, 120_000)
ROUNDS = 60


@pytest.fixture
def eager() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Doors:
    """Threads that do one thing each, over and over while the hub works; what stopped them is raised at the end."""

    def __init__(self, *works: Callable[[int], None]) -> None:
        self.errors: list[Exception] = []
        self._over = Event()
        self._threads = [Thread(target=self._run, args=(work,)) for work in works]

    def _run(self, work: Callable[[int], None]) -> None:
        count = 0
        while not self._over.is_set():
            try:
                work(count)
            except Exception as error:
                self.errors.append(error)
                return
            count += 1

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


@pytest.mark.usefixtures("eager")
def test_devices_are_born_looked_up_and_ordered_by_many_threads_beside_the_intake() -> None:
    town = Town()
    hub = town.hub
    town.send(births(POST, devices=LAMPS))
    hub.tick(T0)

    def bear(first: int, count: int) -> None:
        device = first + count
        hub.take_in([births(METER, devices=[device])])
        assert hub.registry.row(device) >= 0
        assert (hub.registry.node_of(device), hub.registry.kind_of(device)) == (device, METER)

    def order(count: int) -> None:
        lamp = LAMPS[count * 37 % len(LAMPS)]
        given = hub.commands.order(lamp, "dim", arguments={"ratio": 1.0}, t=T0, expires=T0 + MINUTE, id=f"c{count}")
        assert given.device == lamp

    with Doors(lambda n: bear(10_000_000, n), lambda n: bear(50_000, n), order):
        for n in range(ROUNDS):
            town.send(births(POST, devices=range(1_000 + 20 * n, 1_020 + 20 * n), epoch=T0 + n))
            town.send(*[pack(lamp, [(lamp, "noise_dba", T0 + n, 40.0)], first=n) for lamp in LAMPS[:30]])
            if n % 20 == 19:
                hub.tick(T0 + n)
    hub.registry.settle()
    registry = hub.registry
    assert {len(registry.object), len(registry.node), len(registry.kind), len(registry.slot)} == {len(registry)}
    assert np.array_equal(registry.object, registry.device + 1_000_000)
    assert np.array_equal(registry.node, registry.device)
    assert hub.queries.ledger().stored == 30 * ROUNDS
    hub.close()


@pytest.mark.usefixtures("eager")
def test_who_is_retired_is_who_was_meant_whatever_is_born_meanwhile() -> None:
    town = Town()
    hub = town.hub
    town.send(births(METER, devices=LAMPS))
    hub.tick(T0)
    meant = LAMPS[::250]
    retired: list[int] = []

    def retire(count: int) -> None:
        if count < len(meant):
            hub.lifecycle.move(meant[count], DeviceState.RETIRED, t=T0, by="a person")
            retired.append(meant[count])

    born = 0
    with Doors(retire) as doors:
        while len(retired) < len(meant) and not doors.errors:
            with hub.store.lock:  # a turn of the intake, in the midst of which somebody looks
                hub.registry.learn(births(METER, devices=range(1_000 + 10 * born, 1_010 + 10 * born)))
                hub.registry.settle()
                born += 1
    stage = hub.registry.stage
    assert hub.registry.device[stage == STAGES.index(DeviceState.RETIRED)].tolist() == list(meant)
    hub.close()
