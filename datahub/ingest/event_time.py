"""Event time: which times of readings are taken, which are marked, and from when on a period is settled.

All is judged by ``phenomenon_time`` (when it was so) against city time, never by the order of arrival:

* No reading is too late. One that lies before the latest value of the same device's property, as of an earlier tick,
  is stored and marked ``LATE``: it changes no latest value, no alarm and no threshold, and stands in every series and
  aggregate at its own time. Within one tick the order of arrival does not count at all.
* Ahead of city time by up to ``skew_s`` a reading is good, up to ``far_future_s`` it is kept and marked ``FUTURE``,
  beyond it is refused.
* The *watermark* of event time is city time less ``settled_s``. Aggregates are computed from what is stored whenever
  they are asked for, so a late reading corrects them; below the watermark none is expected any more, and what is added
  up and kept is final. What comes below it all the same is stored, and counted as *belated*.
"""

from __future__ import annotations

from functools import cache

import msgspec

from datahub.contract.clock import SECOND_MS
from datahub.contract.declared import Number, broken, own_text, read

FILE = "event_time.toml"


class EventTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers in ``event_time.toml``."""

    skew_s: Number
    far_future_s: Number
    settled_s: Number

    @property
    def skew_ms(self) -> int:
        """How far ahead a good reading may be [ms]."""
        return round(self.skew_s.value * SECOND_MS)

    @property
    def far_future_ms(self) -> int:
        """How far ahead a reading may be at all [ms]."""
        return round(self.far_future_s.value * SECOND_MS)

    def watermark(self, t: int) -> int:
        """The watermark at city time ``t`` [ms]."""
        return t - round(self.settled_s.value * SECOND_MS)


def load(text: str | None = None, *, file: str = FILE) -> EventTime:
    """The declared numbers.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, EventTime, file=file)
    if not 0 <= found.skew_s.value <= found.far_future_s.value:
        rule = f"[skew_s] {found.skew_s.value:g} is negative or above [far_future_s] {found.far_future_s.value:g}"
        raise broken(rule, "skew_s", "value", file=file, text=body, remedy="refuse no reading that is good")
    if found.settled_s.value < 0:
        rule = f"[settled_s] {found.settled_s.value:g} puts the watermark ahead of city time"
        raise broken(rule, "settled_s", "value", file=file, text=body, remedy="give 0 or more")
    return found


@cache
def in_force() -> EventTime:
    """The numbers by which every hub of this process judges."""
    return load()
