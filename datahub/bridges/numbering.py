"""What a vendor said, as messages of the bridge's node: readings numbered and packed, outcomes as acknowledgements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from datahub.bridges.bridged import Bridged
from datahub.contract.clock import SECOND_MS
from datahub.contract.messages import Ack, Reported
from datahub.contract.observations import ObservationBatch, offsets
from datahub.contract.resolution import RELATIVE_BELOW_S
from datahub.contract.topics import Topics
from datahub.contract.wire import encode
from datahub.feed import Outcome, Told
from datahub.store.bridge_book import Letter

MOST: Final = 500
"""Readings in one pack: some 30 kB. Ours to choose."""

NOBODY: Final = 0
"""What stands for a device that the city does not know: the intake refuses it as an unknown one, and counts it."""

EARLIEST_MS: Final = RELATIVE_BELOW_S * SECOND_MS
LATEST_MS: Final = 7_258_118_400_000
"""Between these a time can be told on the wire [ms]: 3 July 1978 and the year 2200."""

WISHED: Final = "desired:"
"""How ids of orders begin that carry a desired setting: nobody waits for their acknowledgement."""


def ill_told(told: Told) -> str:
    """What is wrong with a word of a vendor; empty if nothing."""
    if not EARLIEST_MS <= told.t < LATEST_MS:
        return f"'{told.id:.40}' is of {told.t} ms, which is no time of a city"
    if not all(np.isfinite(value) for value in told.values.values()):
        return f"'{told.id:.40}' holds what is no number"
    return ""


def packed(
    bridged: Bridged, told: Sequence[Told], *, topics: Topics, epoch: int, first: int, t: int, letter: int
) -> list[Letter]:
    """Readings in packs of the bridge's node.

    Args:
        first: sequence of the first reading.
        t: city time at which the vendor said so [ms].
        letter: id of the first message.
    """
    rows = [
        (bridged.code_of.get(one.device, NOBODY), name, one.t, float(value))
        for one in told
        for name, value in one.values.items()
    ]
    letters: list[Letter] = []
    for start in range(0, len(rows), MOST):
        part = rows[start : start + MOST]
        batch = _batch(part, node=bridged.node, epoch=epoch, first=first + start, t=t)
        (out,) = encode(batch, topics)
        last = first + start + len(part) - 1
        letters.append(Letter(letter + len(letters), out.topic, out.payload, last, len(part)))
    return letters


def _batch(
    rows: Sequence[tuple[int, str, int, float]], *, node: int, epoch: int, first: int, t: int
) -> ObservationBatch:
    names = tuple(sorted({row[1] for row in rows}))
    number = {name: i for i, name in enumerate(names)}
    return ObservationBatch(
        properties=names,
        node=np.array([node], np.int64),
        epoch=np.array([epoch], np.int64),
        first=np.array([first], np.int64),
        result_time=np.array([t], np.int64),
        offset=offsets(np.array([len(rows)], np.int64)),
        device=np.array([row[0] for row in rows], np.int64),
        property=np.array([number[row[1]] for row in rows], np.int16),
        phenomenon_time=np.array([row[2] for row in rows], np.int64),
        value=np.array([row[3] for row in rows], np.float64),
    ).check()


def answered(bridged: Bridged, outcomes: Sequence[Outcome], *, topics: Topics, letter: int) -> list[Letter]:
    """What became of orders, as the devices' own acknowledgements and reports; of strangers nothing."""
    letters: list[Letter] = []
    for one in outcomes:
        device = bridged.code_of.get(one.device)
        if device is None:
            continue
        said: list[Ack | Reported] = []
        if not one.order.startswith(WISHED):
            said.append(Ack(bridged.node, device, one.order, one.status, one.t, one.detail))
        if one.state:
            said.append(Reported(bridged.node, device, one.t, dict(one.state)))
        for message in said:
            (out,) = encode(message, topics)
            letters.append(Letter(letter + len(letters), out.topic, out.payload))
    return letters
