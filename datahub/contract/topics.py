"""Topics of the wire: who may say what, and where.

``city/{city}/{node}/{word}`` live; a virtual run puts its run id behind the city (``city/zhuhai~r1/...``), so
that nothing of an earlier run leaks in. Node ids are unified codes; names that begin with ``_`` belong to no node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Word(StrEnum):
    """The last level of a node's topic."""

    BIRTH = "birth"
    DEATH = "death"
    OBS = "obs"
    LOST = "lost"
    REPORTED = "reported"
    ACK = "ack"
    DESIRED = "desired"
    CMD = "cmd"
    REBIRTH = "rebirth"


UPWARD = (Word.BIRTH, Word.DEATH, Word.OBS, Word.LOST, Word.REPORTED, Word.ACK)
DOWNWARD = (Word.DESIRED, Word.CMD, Word.REBIRTH)

_WORDS = {word.value: word for word in Word}

WATERMARK = "_watermark"
MARKER = "_marker"
ALARM = "_alarm"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one city, in one run (``run`` empty: live)."""

    city: str
    run: str = ""
    root: str = field(init=False, repr=False, compare=False)
    """What every topic of this city begins with."""

    def __post_init__(self) -> None:
        root = f"city/{self.city}~{self.run}" if self.run else f"city/{self.city}"
        object.__setattr__(self, "root", root)

    def of(self, node: int, word: Word) -> str:
        """Topic on which one node speaks or listens."""
        return f"{self.root}/{node}/{word}"

    def every(self, word: Word) -> str:
        """Filter for one word of all nodes."""
        return f"{self.root}/+/{word}"

    @property
    def watermark(self) -> str:
        """How far the hub has each node, one message covering many nodes."""
        return f"{self.root}/{WATERMARK}"

    def marker(self, side: str) -> str:
        """End of a quantum in a virtual run; ``side`` is ``field`` or ``city``."""
        return f"{self.root}/{MARKER}/{side}"

    def alarm(self, kind: str) -> str:
        """Northbound alarms of one kind."""
        return f"{self.root}/{ALARM}/{kind}"

    def parse(self, topic: str) -> tuple[int, Word] | None:
        """Node and word of a topic, or None if it is no node's topic of this city and run."""
        root, _, rest = topic.rpartition("/")
        root, _, node = root.rpartition("/")
        word = _WORDS.get(rest)
        if root != self.root or word is None or not (node.isdigit() and node.isascii() and len(node) <= 18):
            return None
        return int(node), word
