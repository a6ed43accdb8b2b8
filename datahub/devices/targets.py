"""Which devices are meant: those named, or all of a kind, a district or an owner that were ever born."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints
from datahub.devices.coding import ORDINALS
from datahub.devices.registry import Registry

Owned = Callable[[str], Ints]
"""Codes of the devices that were born and that a department owns."""


class Where(msgspec.Struct, frozen=True):
    """A choice of devices by what holds of all of them; what is left out holds of any.

    Attributes:
        kind: kind of device.
        district: six digits (GB/T 2260), with which the unified code begins.
        owner: code of the department that owns the device or the object that carries it.
    """

    kind: str | None = None
    district: str | None = None
    owner: str | None = None


def chosen(registry: Registry, where: Where, *, owned: Owned | None) -> Sequence[int]:
    """Codes of the devices that a choice means, ascending; retired ones are among them.

    Raises:
        UsageError: if the choice leaves everything open, names an unknown kind, or an owner where there is no register.
    """
    if where == Where():
        raise UsageError("the choice would mean every device; give kind, district or owner")
    registry.settle()
    keep = np.ones(len(registry), np.bool_)
    if where.kind is not None:
        number = registry.kinds.kind_number(where.kind)
        if number < 0:
            known = ", ".join(kind.name for kind in registry.kinds.kinds) or "none yet"
            raise UsageError(f"no device is of kind '{where.kind:.80}'; there are: {known}")
        keep &= registry.kind == number
    if where.district is not None:
        keep &= registry.device // (100_000 * ORDINALS) == int(where.district)
    if where.owner is not None:
        if owned is None:
            raise UsageError("this hub has no register of owners; choose by kind or district, or name the devices")
        keep &= np.isin(registry.device, owned(where.owner))
    codes: list[int] = registry.device[keep].tolist()
    return codes
