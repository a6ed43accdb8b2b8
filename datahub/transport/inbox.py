"""What a network thread hands over to the thread that asks for it."""

from __future__ import annotations

from collections import deque
from threading import Event
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of one writer and one reader that costs next to nothing while the reader is awake."""

    __slots__ = ("_asleep", "_enough", "_items", "_wake")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._wake = Event()
        self._asleep = False
        self._enough = 1

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add one item (the network thread)."""
        self._items.append(item)
        if self._asleep and len(self._items) >= self._enough:
            self._wake.set()

    def wake(self) -> None:
        """Let a waiting reader look again, though nothing came."""
        self._wake.set()

    def take(self, *, wait_s: float = 0.0, enough: int = 1, linger_s: float = 0.0) -> list[T]:
        """All that is there.

        Args:
            wait_s: wait at most so long for the first [s].
            enough, linger_s: once something is there, wait for so many, but at most so long [s]: what is done once
                for all that came together (a commit) is then done less often.
        """
        items = self._items
        if wait_s > 0 and not items:
            self._sleep(wait_s, enough=1)
        if linger_s > 0 and 0 < len(items) < enough:
            self._sleep(linger_s, enough=enough)
        return [items.popleft() for _ in range(len(items))]

    def _sleep(self, wait_s: float, *, enough: int) -> None:
        self._enough = enough
        self._wake.clear()
        self._asleep = True
        if len(self._items) < enough:
            self._wake.wait(wait_s)
        self._asleep = False
