"""Couriers of a live platform: to each vendor one goes on a thread of its own, and nobody else waits for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

from datahub.bridges.errands import Brought

_Errand: TypeAlias = tuple[Future[Brought], Callable[[], Brought]]
_Bag: TypeAlias = "SimpleQueue[_Errand | None]"


class VendorCouriers:
    """One courier to each vendor, from the first errand to it; they outlive a hub that is opened anew."""

    def __init__(self) -> None:
        self._bags: dict[str, _Bag] = {}

    def send(self, vendor: str, errand: Callable[[], Brought]) -> Future[Brought]:
        """The errand, which is run once the former ones to this vendor have ended."""
        bag = self._bags.get(vendor)
        if bag is None:
            bag = self._bags[vendor] = SimpleQueue()
            Thread(target=_walk, args=(bag,), name=f"courier-{vendor}", daemon=True).start()
        brought = Future[Brought]()
        bag.put((brought, errand))
        return brought

    def close(self) -> None:
        """No errand begins any more after those that were sent; one that is out is not waited for."""
        for bag in self._bags.values():
            bag.put(None)


def _walk(bag: _Bag) -> None:
    while (sent := bag.get()) is not None:
        brought, errand = sent
        try:
            brought.set_result(errand())
        except BaseException as error:  # raised where the errand was sent from, when its end is looked at
            brought.set_exception(error)
