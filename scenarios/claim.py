"""A folder that one process writes to at a time: whoever comes second is told by whom it is held."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from datahub.contract.errors import OutsideError

FILE: Final = ".lock"
"""Lies in the folder and holds the process id. It may stay: the lock is the operating system's and ends with us."""

_FAR: Final = 1 << 20
"""Windows locks bytes against reading too, so one is locked far behind the process id."""


@contextmanager
def claimed(folder: Path, *, remedy: str, mode: int = 0o777) -> Iterator[None]:
    """Hold a folder (made if it is not there, itself with this mode) for as long as it is written to.

    Raises:
        OutsideError: if another process holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise OutsideError(f"cannot write to {folder} ({error.strerror}); {remedy}") from error
    try:
        if not _taken(handle):
            holder = os.pread(handle, 20, 0).decode().strip() if hasattr(os, "pread") else ""
            raise OutsideError(f"{folder} is in use by process {holder or 'unknown'}; {remedy}")
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    """Lock an open file for ourselves; False if another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
