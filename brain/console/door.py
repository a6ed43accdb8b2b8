"""Who may sit at which seat: local seats with a role and a password, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from brain.seats import ROLES
from datahub.contract.clock import elapsed_s
from datahub.contract.errors import UsageError
from datahub.contract.private import keep

FILE: Final = "seats.json"
"""Name of the book in the platform's data folder; readable by its owner alone."""

ROLES_WITH_SEATS: Final = ("operator", "commander")
"""Roles that need a seat; a viewer needs none, for reading is free."""

#: scrypt as OWASP's Password Storage Cheat Sheet has it: N=2^15, r=8, p=3 (about 32 MB and a tenth of a second).
_SCRYPT: Final = {"n": 2**15, "r": 8, "p": 3, "maxmem": 64 * 2**20}

#: Letters that are not mistaken for one another when read aloud.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"

FREE_TRIES: Final = 5
"""Wrong passwords in a row before a seat has to wait, twice as long each time."""

LONGEST_WAIT_S: Final = 60.0


class TooManyTriesError(UsageError):
    """A seat has had too many wrong passwords; ``wait_s`` [s] until the next is looked at."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many wrong passwords; wait {wait_s:.0f} s")


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat: its name is that of its role."""

    name: str
    role: str
    salt: str
    hash: str

    def fits(self, password: str) -> bool:
        """Whether this is the password."""
        return hmac.compare_digest(_hash(password, self.salt), self.hash)


@dataclass(slots=True)
class Door:
    """Lets people in. May be asked from any thread.

    Attributes:
        seats: by name.
        fresh: passwords made at this start, to be shown once: seat -> password.
        clock: a monotonic time [s].
    """

    seats: Mapping[str, Seat]
    fresh: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = elapsed_s
    _wrong: dict[str, tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, name: str, password: str) -> Seat | None:
        """The seat, if the password is right; None if not, or if there is no such seat.

        Raises:
            TooManyTriesError: if this seat has to wait.
        """
        seat = self.seats.get(name)
        with self._lock:
            tries, until = self._wrong.get(name, (0, 0.0))
            if until > self.clock():
                raise TooManyTriesError(until - self.clock())
            if seat is not None and seat.fits(password):
                self._wrong.pop(name, None)
                return seat
            wait_s = min(2.0 ** (tries + 1 - FREE_TRIES), LONGEST_WAIT_S) if tries + 1 >= FREE_TRIES else 0.0
            self._wrong[name] = (tries + 1, self.clock() + wait_s)
            if len(self._wrong) > 100:
                self._wrong.pop(next(iter(self._wrong)))
            return None


def open_door(folder: Path, *, given: Mapping[str, str] | None = None) -> Door:
    """The seats of a platform. At the first start each gets a password, which ``Door.fresh`` holds that once.

    Args:
        folder: the platform's data folder; the book is made in it, readable by its owner alone.
        given: seat -> password from the settings; it goes before the book and is not written down.

    Raises:
        UsageError: if the book cannot be read, saying what to do.
    """
    path = folder / FILE
    kept, fresh = _read(path), {}
    wanted = {name: password for name, password in (given or {}).items() if password}
    for role in ROLES_WITH_SEATS:
        if role in wanted:
            kept[role] = _seat(role, wanted[role])
        elif role not in kept:
            fresh[role] = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
            kept[role] = _seat(role, fresh[role])
    if fresh:
        _write(path, {name: seat for name, seat in kept.items() if name not in wanted})
    return Door(kept, fresh)


def _seat(role: str, password: str) -> Seat:
    salt = secrets.token_hex(16)
    return Seat(role, role, salt, _hash(password, salt))


def _hash(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), dklen=32, **_SCRYPT).hex()


def _read(path: Path) -> dict[str, Seat]:
    if not path.exists():
        return {}
    try:
        book = json.loads(path.read_text(encoding="utf-8"))["seats"]
        seats = {name: Seat(name, str(row["role"]), str(row["salt"]), str(row["hash"])) for name, row in book.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: the book of seats cannot be read ({error}); delete it to get new passwords"
        ) from error
    unknown = sorted({seat.role for seat in seats.values()} - set(ROLES))
    if unknown:
        raise UsageError(f"{path}: there is no role '{unknown[0]}'; roles are: {', '.join(ROLES)}")
    return seats


def _write(path: Path, seats: Mapping[str, Seat]) -> None:
    """Write the book so that nobody else can read it, and never half of it."""
    rows = {name: {"role": seat.role, "salt": seat.salt, "hash": seat.hash} for name, seat in seats.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    keep(path, json.dumps({"version": 1, "seats": rows}, indent=1).encode())
