"""A disk that can be filled up: a small tmpfs where we may mount one, else a limit on the size of our own files."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MB = 24


class SmallDisk:
    """A folder on it, and ways to leave no room and to make room again.

    Attributes:
        real: it is a file system of its own; if not, writing beyond the largest file there is fails instead.
    """

    def __init__(self, folder: Path, *, real: bool) -> None:
        self.folder, self.real = folder, real
        self._limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Leave no room."""
        if not self.real:
            largest = max(path.stat().st_size for path in self.folder.iterdir())
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, self._limit[1]))
            return
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                return

    def free(self) -> None:
        """Make room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limit)
        (self.folder / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """One for a test."""
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "citybrain-test", str(folder)], capture_output=True
        ).returncode
    )
    disk = SmallDisk(folder, real=mounted)
    try:
        yield disk
    finally:
        disk.free()
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
