"""Declared limits: a reading beyond one opens an alarm, one back behind the clearing value closes it (hysteresis)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from datahub.contract.codes import Quality
from datahub.contract.declared import broken, own_text, read
from datahub.devices.registry import Kinds

if TYPE_CHECKING:
    from datahub.ingest.latest import Evaluated

FILE = "thresholds.toml"

_MUTE = np.uint8(Quality.RANGE | Quality.LATE | Quality.FUTURE)


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One limit of one property; ``kind`` empty: of every kind that observes it. Values in the property's unit."""

    name: str
    kind: str
    property: str
    clear: float
    fault: bool
    zh: str
    en: str
    source: str
    date: dt.date
    unverified: bool
    above: float | None = None
    below: float | None = None

    def limit(self) -> float:
        """The value beyond which it is an alarm."""
        return self.above if self.above is not None else self.below or 0.0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    threshold: tuple[Threshold, ...]


class Crossing(msgspec.Struct, frozen=True):
    """A reading that opens (or closes) an alarm of one slot."""

    slot: int
    threshold: Threshold
    device: int
    t: int
    value: float
    opens: bool


def load(text: str | None = None, *, file: str = FILE) -> tuple[Threshold, ...]:
    """The declared limits.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, _File, file=file).threshold
    for row, one in enumerate(found):
        why = _wrong(one)
        if why:
            rule, remedy = f"threshold '{one.name}' {why[0]}", why[1]
            raise broken(rule, "threshold", row, file=file, text=body, remedy=remedy)
    return found


def _wrong(one: Threshold) -> tuple[str, str] | None:
    """What is wrong with a limit, and what to do; None if nothing is."""
    if (one.above is None) == (one.below is None):
        return "needs exactly one of above and below", "give one limit"
    if (one.above is not None and one.clear > one.above) or (one.below is not None and one.clear < one.below):
        return f"clears at {one.clear}, beyond its limit {one.limit()}", "let it clear on the safe side of the limit"
    return None


class Watch:
    """All limits, laid out by rule row (property of a kind), and which slots are in alarm.

    Attributes:
        open: slots in alarm, with the id of the alarm.
    """

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self.thresholds = tuple(thresholds)
        self.open: dict[int, str] = {}
        self._rules = 0
        self._of_rule: list[Threshold | None] = []
        self._above = self._below = np.zeros(0)
        self._limited = np.zeros(0, np.bool_)

    def lay_out(self, kinds: Kinds) -> None:
        """Find the limits of every property of every kind; the last declared one counts."""
        by_rule: list[Threshold | None] = []
        for kind in kinds.kinds:
            for described in kind.properties:
                fit = [t for t in self.thresholds if t.property == described.name and t.kind in ("", kind.name)]
                by_rule.append(fit[-1] if fit else None)
        self._of_rule = by_rule
        self._limited = np.array([t is not None for t in by_rule], np.bool_)
        self._above = np.array([np.inf if t is None or t.above is None else t.above for t in by_rule])
        self._below = np.array([-np.inf if t is None or t.below is None else t.below for t in by_rule])

    def look(self, found: Evaluated) -> list[Crossing]:
        """Readings that open or close an alarm, in the order of evaluation; late and impossible ones say nothing."""
        if not len(found):
            return []
        value = found.readings.value
        rows = np.flatnonzero(self._limited[found.rule])
        rows = rows[(found.readings.quality[rows] & _MUTE) == 0]
        rule, slot_of, shown = found.rule[rows], found.slot[rows], value[rows]
        beyond = (shown > self._above[rule]) | (shown < self._below[rule])
        if self.open or beyond.any():
            watched = np.concatenate((np.fromiter(self.open, np.int64, len(self.open)), slot_of[beyond]))
            beyond = np.isin(slot_of, watched)
        crossings: list[Crossing] = []
        now_open = set(self.open)
        for i in rows[beyond].tolist():
            slot, v = int(found.slot[i]), float(value[i])
            threshold = self._of_rule[int(found.rule[i])]
            if threshold is None:
                continue
            if slot in now_open:
                if not _cleared(threshold, v):
                    continue
                now_open.discard(slot)
            elif _beyond(threshold, v):
                now_open.add(slot)
            else:
                continue
            t, device = int(found.readings.phenomenon_time[i]), int(found.readings.device[i])
            crossings.append(Crossing(slot, threshold, device, t, v, slot in now_open))
        return crossings


def _beyond(threshold: Threshold, value: float) -> bool:
    return value > threshold.above if threshold.above is not None else value < threshold.limit()


def _cleared(threshold: Threshold, value: float) -> bool:
    return value <= threshold.clear if threshold.above is not None else value >= threshold.clear
