"""The story of a run as text: one JSON line per message of the city, in event time, nothing of the wall clock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import msgspec

from brain.model import Message
from datahub.contract.clock import to_local


@dataclass(slots=True)
class Transcript:
    """Writes the lines to ``file`` (None: nowhere) and keeps their SHA-256, the digest of the run."""

    file: TextIO | None = None
    lines: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def at(cls, path: Path) -> Self:
        """A transcript in a new file."""
        return cls(path.open("w", encoding="utf-8", newline="\n"))

    def message(self, said: Message) -> None:
        """One message of the city."""
        self._line({"at": to_local(said.t), **msgspec.to_builtins(said, str_keys=True)})

    def observations(self, *, t: int, stored: int, digest: str) -> None:
        """Once an hour: how many observations are stored so far, and the hash of all of them."""
        self._line({"at": to_local(t), "message": "ObservationsStored", "t": t, "stored": stored, "sha256": digest})

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._hash.hexdigest()

    def _line(self, content: dict[str, object]) -> None:
        line = msgspec.json.encode(content) + b"\n"
        self._hash.update(line)
        self.lines += 1
        if self.file is not None:
            self.file.write(line.decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is not None:
            self.file.close()
