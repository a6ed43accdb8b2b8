"""Words of an update over the air: hub and device must call the same thing by the same name."""

from __future__ import annotations

from typing import Final

from datahub.contract.messages import ArgumentDescriptor

UPDATE_FIRMWARE: Final = "update_firmware"
"""Command to load, install and start another version; every device with a command link takes it."""

VERSION: Final = "version"
"""Its one argument: the version to run then, a whole number from 1."""

UPDATE: Final = ArgumentDescriptor(UPDATE_FIRMWARE, VERSION, 1.0, 2.0**31 - 1)
"""What the command takes, as births say it."""

FIRMWARE: Final = "firmware"
"""Setting (reported side of the shadow): the version that a device runs, a whole number."""
