"""Keeps a hub at work through trouble: if its store fails it is closed, and opened again from what is durable.

After a commit that failed, what is in memory may be ahead of what is durable, and what is durable is always right. So
nothing is rolled back in memory: the hub (and the brain on the same store) is thrown away and built again, as after a
crash. Meanwhile nothing is acknowledged; what had come and was not acknowledged is taken in by the next one.
The pauses between attempts are the shell's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from datahub.contract.errors import OutsideError
from datahub.hub import Hub
from datahub.store.failure import StoreFailed, named
from datahub.transport.bus import CityBus
from datahub.transport.held import HeldBus
from datahub.trouble import Cause, Troubles

T = TypeVar("T")
_OF_STORE = (Cause.DISK_FULL, Cause.DATABASE_LOCKED, Cause.DATABASE_FAILED)


class Keeper(Generic[T]):
    """Owns what stands on one store and one wire: a hub, or a platform with a hub in it.

    Args:
        wire: the city's end; it stays open throughout.
        opens: makes it, on a wire that is handed over.
        hub: the hub in it.
        gone: why the broker cannot be reached, empty while it can.
        changed: hears of every end and beginning, with what was opened, or None while there is nothing.

    Attributes:
        kept: what was opened last.
        up: whether that is at work; if not, only what it remembers may be shown.
        troubles: what is the matter.
    """

    def __init__(
        self,
        wire: CityBus,
        opens: Callable[[CityBus], T],
        *,
        hub: Callable[[T], Hub],
        gone: Callable[[], str] = lambda: "",
        changed: Callable[[T | None], None] = lambda _: None,
    ) -> None:
        self._wire, self._opens, self._hub, self._gone, self.changed = HeldBus(wire), opens, hub, gone, changed
        self.troubles = Troubles()
        self.kept = opens(self._wire)
        self.up = True
        self._broken = False

    @property
    def hub(self) -> Hub:
        """The hub that was opened last."""
        return self._hub(self.kept)

    @contextmanager
    def care(self) -> Iterator[None]:
        """One turn of work on what is kept. A store that fails in it, or failed anybody else, ends its work."""
        self._look_at_the_broker()
        try:
            yield
            failed = self.hub.store.failed or self.hub.observations.failed
        except StoreFailed as error:
            failed = error
        if failed is not None:
            self._fall(failed)

    def _look_at_the_broker(self) -> None:
        why = self._gone()
        if bool(why) != self._broken:
            self._broken = bool(why)
            if why:
                self.troubles.meet(Cause.BROKER_GONE, why)
            else:
                self.troubles.over(Cause.BROKER_GONE)

    def _fall(self, why: StoreFailed) -> None:
        """Let go of everything but the wire, without another word to the databases."""
        self.troubles.meet(why.cause, str(why))
        self.up = False
        self.changed(None)
        self._abandon(self.hub)
        self._wire.again()

    @staticmethod
    def _abandon(hub: Hub) -> None:
        with hub.store.lock:
            for close in (hub.observations.close, hub.store.close):
                with suppress(Exception):  # the disk may be full or away: whatever is not written was not acknowledged
                    close()

    def mend(self) -> bool:
        """Try to open it again and to write; whether it is at work again. Nothing comes of it while trouble lasts."""
        self._look_at_the_broker()
        self.troubles.let_go += self._wire.gather()
        try:
            with named("the database"):
                fresh = self._opens(self._wire)
        except OutsideError as error:
            self._still(error)
            return False
        hub = self._hub(fresh)
        try:
            hub.store.probe()
            hub.flush()
        except StoreFailed as error:
            self._still(error)
            self._abandon(hub)
            self._wire.again()
            return False
        self.kept, self.up = fresh, True
        self.troubles.reopened += 1
        self.changed(fresh)
        self.troubles.over(*_OF_STORE)  # nobody is told that all is well before all doors are open again
        return True

    def _still(self, error: OutsideError) -> None:
        cause = error.cause if isinstance(error, StoreFailed) else Cause.DATABASE_FAILED
        others = [one for one in _OF_STORE if one is not cause and one in self.troubles.now]
        self.troubles.meet(others[0] if others and not isinstance(error, StoreFailed) else cause, str(error))
