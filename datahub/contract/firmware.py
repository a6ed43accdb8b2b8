"""Words of an update over the air: hub and device must call the same thing by the same name."""

from __future__ import annotations

from typing import Final

UPDATE_FIRMWARE: Final = "update_firmware"
"""Command to load, install and start another version; every device with a command link takes it."""

VERSION: Final = "version"
"""Its one argument: the version to run then, a whole number from 1."""

FIRMWARE: Final = "firmware"
"""Setting (reported side of the shadow): the version that a device runs, a whole number."""
