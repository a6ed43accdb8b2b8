"""A vendor's cloud as the city declares it: which devices it speaks for, and by which ids it calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datahub.contract.messages import BirthBatch, KindDescriptor
from datahub.contract.observations import Floats, Ints
from datahub.devices.fitting import Way
from datahub.feed import Feed

BORN_TOGETHER = 1_000
"""Devices in one birth message: some 90 kB, below what the intake reads. Ours to choose."""


@dataclass(frozen=True, eq=False)
class Bridged:
    """One bridge as declared.

    Attributes:
        node: unified code of the node as which the bridge speaks.
        kind: what its devices are.
        ids: the vendor's ids of the devices, in the order of the columns ``device, object, lon, lat``.
        feed: the vendor's dialect.
        commands, settings: those that the vendor carries to its devices.
        poll_s: how often a pulled cloud is asked [s].
        page: most words in one answer or post.
        body_bytes: longest post that is read [byte].
        repeats_s: for how long the vendor may repeat a word [s].
    """

    vendor: str
    node: int
    kind: KindDescriptor
    ids: Sequence[str]
    device: Ints
    object: Ints
    lon: Floats
    lat: Floats
    feed: Feed
    commands: tuple[str, ...]
    settings: tuple[str, ...]
    poll_s: float
    page: int
    body_bytes: int
    repeats_s: float

    @cached_property
    def code_of(self) -> Mapping[str, int]:
        """Unified code by the vendor's id."""
        return dict(zip(self.ids, self.device.tolist(), strict=True))

    @cached_property
    def id_of(self) -> Mapping[int, str]:
        """The vendor's id by unified code."""
        return dict(zip(self.device.tolist(), self.ids, strict=True))

    @property
    def way(self) -> Way:
        """What can be told to its devices."""
        return Way(self.vendor, self.commands, self.settings)

    def births(self, epoch: int) -> list[BirthBatch]:
        """What the bridge says when it comes on line."""
        return [
            self._birth(epoch, slice(start, start + BORN_TOGETHER)) for start in range(0, len(self.ids), BORN_TOGETHER)
        ]

    def _birth(self, epoch: int, part: slice) -> BirthBatch:
        device = self.device[part]
        return BirthBatch(
            kind=self.kind,
            node=np.full(len(device), self.node, np.int64),
            epoch=np.full(len(device), epoch, np.int64),
            device=device,
            object=self.object[part],
            lon=self.lon[part],
            lat=self.lat[part],
        )
