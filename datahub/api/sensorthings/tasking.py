"""Tasks: orders to devices, through the same door as all orders (tasking core, OGC 17-079r1)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from datahub.api.problems import Problem
from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import Entity, EntitySet
from datahub.api.sensorthings.source import Source
from datahub.commands import CommandRefused
from datahub.contract.clock import SECOND_MS

VALID_S: Final = 300.0
"""An order that does not say for how long it is worth doing (``valid_s``) is worth so long [s]. Ours to choose."""

LONGEST_S: Final = 86_400.0


def task(source: Source, capability: Entity, body: Mapping[str, object]) -> Entity:
    """Give the order that a task tells. What the capability says of itself may stand in it too and is not looked at.

    Raises:
        Problem: 400, if its parameters are none; 409, if the device does not take it.
    """
    told = body.get("taskingParameters", {})
    if not isinstance(told, dict):
        raise wrong("taskingParameters are an object: names, and numbers")
    numbers = {name: value for name, value in told.items() if _number(value)}
    if len(numbers) < len(told):
        odd = next(name for name in told if name not in numbers)
        raise wrong(f"taskingParameters: '{odd:.40}' is no number")
    valid_s = float(numbers.pop("valid_s", VALID_S))
    if not 0 < valid_s <= LONGEST_S:
        raise wrong(f"valid_s is {valid_s:g}; an order is worth doing for more than 0 and up to {LONGEST_S:.0f} s")
    now = source.now()
    arguments = {name: float(value) for name, value in numbers.items()}
    try:
        status = source.hub.commands.order(
            capability.device,
            capability.says,
            arguments=arguments,
            t=now,
            expires=now + round(valid_s * SECOND_MS),
            id=_id(source, capability, arguments, t=now),
        )
    except CommandRefused as error:
        raise Problem(409, str(error)) from error
    return source.find(EntitySet.TASKS, status.id)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e15


def _id(source: Source, capability: Entity, arguments: Mapping[str, float], *, t: int) -> str:
    """An id made from content; the same order again at the same moment of city time is another task."""
    again = 0
    while True:
        content = msgspec.json.encode([capability.device, capability.says, sorted(arguments.items()), t, again])
        made = f"sta-{hashlib.sha256(content).hexdigest()[:16]}"
        if source.hub.commands.status(made) is None:
            return made
        again += 1
