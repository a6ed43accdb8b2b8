"""Who is let in: births are looked at before the registry learns of them, for what it has learned it keeps.

A birth is a stranger's word. What no device can be (no code, no place, a time to come, numbers without measure) is
refused, and so is a kind of device that is known and described otherwise: one message must not change what the readings
of a thousand other devices mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import DAY_MS
from datahub.contract.codes import Reason
from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor, Reported
from datahub.devices import coding
from datahub.devices.registry import Kinds
from datahub.ingest.decode import Refused

AHEAD_MS: Final = DAY_MS
"""A birth may be dated ahead of city time by this much: a field that begins where another ended tells its time next."""

LAST_MS: Final = 7_258_118_400_000
"""The year 2200, UTC [ms]: no city time lies beyond."""

MOST_PROPERTIES: Final = 64
MOST_KINDS: Final = 1_000
MOST_SETTINGS: Final = 64
"""Properties of a kind, kinds of a hub, settings of a device: ours to choose, far above any we know of."""

LONGEST_NAME: Final = 64
_LARGEST: Final = 1e15
_YEAR_S: Final = 366 * 86_400.0


def births(
    batches: Sequence[BirthBatch], *, kinds: Kinds, now: int | None, strict: bool
) -> tuple[list[BirthBatch], list[Refused]]:
    """The births that may be learned, and why not the others.

    Args:
        kinds: those known.
        now: city time [ms]; None while unknown.
        strict: every code must be a unified code with its check digit.
    """
    good: list[BirthBatch] = []
    refused: list[Refused] = []
    for batch in batches:
        reason, wrong = _kind(batch.kind, kinds)
        if reason is not None:
            refused += [Refused(reason, int(node), wrong) for node in np.unique(batch.node).tolist()]
            continue
        keep = np.ones(len(batch), np.bool_)
        for fault, why, detail in _devices(batch, now=now, strict=strict):
            fresh = fault & keep
            refused += [Refused(why, int(batch.node[i]), detail) for i in np.flatnonzero(fresh).tolist()]
            keep &= ~fault
        if keep.all():
            good.append(batch)
        elif keep.any():
            good.append(some(batch, keep))
    return good, refused


def some(batch: BirthBatch, keep: NDArray[np.bool_]) -> BirthBatch:
    """The births of some rows."""
    columns = (batch.node, batch.epoch, batch.device, batch.object)
    node, epoch, device, thing = (column[keep] for column in columns)
    lon, lat = batch.lon[keep], batch.lat[keep]
    return BirthBatch(kind=batch.kind, node=node, epoch=epoch, device=device, object=thing, lon=lon, lat=lat)


def _devices(batch: BirthBatch, *, now: int | None, strict: bool) -> list[tuple[NDArray[np.bool_], Reason, str]]:
    placed = (np.abs(batch.lon) <= 180) & (np.abs(batch.lat) <= 90)
    last = LAST_MS if now is None else min(now + AHEAD_MS, LAST_MS)
    uncoded = (batch.device <= 0) | (batch.node <= 0)
    if strict:
        uncoded |= ~coding.valid(batch.device) | ~coding.valid(batch.node)
    return [
        (uncoded, Reason.BAD_CODE, "node or device has no unified code (17 digits, MOD 11,10)"),
        (batch.epoch <= 0, Reason.MALFORMED, "an epoch is a time after 1970"),
        (batch.epoch > last, Reason.FAR_FUTURE, "the birth is dated too far ahead of city time"),
        (~placed, Reason.MALFORMED, "longitude or latitude is none"),
    ]


def _kind(kind: KindDescriptor, kinds: Kinds) -> tuple[Reason | None, str]:
    """What is wrong with a kind; None and nothing if it may be learned."""
    number = kinds.kind_number(kind.name)
    if number >= 0 and kinds.kinds[number] == kind:
        return None, ""
    wrong = _ill_described(kind)
    if wrong:
        return Reason.MALFORMED, wrong
    if number < 0:
        most = len(kinds.kinds) >= MOST_KINDS
        return (Reason.MALFORMED, f"there are {MOST_KINDS} kinds of device already") if most else (None, "")
    return _otherwise(kind, kinds.kinds[number])


def _otherwise(kind: KindDescriptor, known: KindDescriptor) -> tuple[Reason | None, str]:
    """A kind may gain properties and commands; what is known of it stays as it was told first."""
    told = {it.name: it for it in kind.properties}
    for one in known.properties:
        now = told.get(one.name)
        if now is None:
            return Reason.KIND_CONFLICT, f"kind '{kind.name}' is known to observe {one.name}, and now does not"
        if _measure(now) != _measure(one):
            return Reason.KIND_CONFLICT, f"{one.name} of kind '{kind.name}' is known otherwise"
    if kind.report_s != known.report_s or not set(known.commands) <= set(kind.commands):
        return Reason.KIND_CONFLICT, f"kind '{kind.name}' is known to report or to obey otherwise"
    if not set(known.arguments or ()) <= set(kind.arguments or ()):
        return Reason.KIND_CONFLICT, f"a command of kind '{kind.name}' is known to take otherwise"
    return None, ""


def _measure(one: PropertyDescriptor) -> tuple[object, ...]:
    """All that decides what a reading means; texts may change."""
    return (one.resolution, one.low, one.high, one.period_s, one.cumulative, one.may_rest_s, one.rate_s)


def _ill_described(kind: KindDescriptor) -> str:
    names = [one.name for one in kind.properties]
    if not _named(kind.name) or not all(map(_named, (*names, *kind.commands))):
        return f"a name is empty or has more than {LONGEST_NAME} characters"
    if len(set(names)) < len(names) or max(len(names), len(kind.commands)) > MOST_PROPERTIES:
        return f"a property stands twice, or there are more than {MOST_PROPERTIES}"
    if not 0 <= kind.report_s <= _YEAR_S:
        return "report_s is no time up to a year"
    for one in kind.properties:
        spans = (one.period_s, one.may_rest_s)
        numbers = (one.resolution, one.low, one.high, one.rate_s)
        if not all(0 <= it <= _YEAR_S for it in spans) or not all(abs(it) <= _LARGEST for it in numbers):
            return f"{one.name} has a number without measure"
        if one.low > one.high or one.resolution < 0 or one.rate_s < 0:
            return f"{one.name} has a range or a step that is none"
    return _ill_taken(kind)


def _ill_taken(kind: KindDescriptor) -> str:
    """What is wrong with what its commands are said to take."""
    taken = kind.arguments or ()
    if len({(one.command, one.name) for one in taken}) < len(taken) or len(taken) > MOST_PROPERTIES:
        return f"an argument stands twice, or there are more than {MOST_PROPERTIES}"
    for one in taken:
        numbers = (one.low, one.high, one.low if one.default is None else one.default)
        if one.command not in kind.commands or not _named(one.name):
            return "an argument has no name, or belongs to no command"
        if not all(abs(it) <= _LARGEST for it in numbers) or one.low > one.high:
            return f"argument {one.name} has a number without measure, or a range that is none"
    return ""


def _named(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def ill_reported(report: Reported, *, known: int, now: int | None) -> str:
    """What is wrong with a report of settings, of a device of which so many are known; empty if nothing."""
    if now is not None and report.t > now + AHEAD_MS:
        return "the report is dated too far ahead of city time"
    if not all(_named(name) and abs(value) <= _LARGEST for name, value in report.state.items()):
        return "a setting has no name, or a value without measure"
    if known + len(report.state) > 2 * MOST_SETTINGS or len(report.state) > MOST_SETTINGS:
        return f"a device has at most {MOST_SETTINGS} settings"
    return ""
