"""What a network thread hands over to the thread that asks for it."""

from __future__ import annotations

from collections import deque
from threading import Event
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of one writer and one reader that costs next to nothing while the reader is awake."""

    __slots__ = ("_asleep", "_items", "_wake")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._wake = Event()
        self._asleep = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add one item (the network thread)."""
        self._items.append(item)
        if self._asleep:
            self._wake.set()

    def wake(self) -> None:
        """Let a waiting reader look again, though nothing came."""
        self._wake.set()

    def take(self, *, wait_s: float = 0.0) -> list[T]:
        """All that is there; waits at most ``wait_s`` [s] for the first."""
        items = self._items
        if wait_s > 0 and not items:
            self._wake.clear()
            self._asleep = True
            if not items:
                self._wake.wait(wait_s)
            self._asleep = False
        return [items.popleft() for _ in range(len(items))]
