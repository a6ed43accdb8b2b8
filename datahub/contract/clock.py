"""Time: UTC epoch milliseconds inside, city-local time only for people.

The one module that reads the wall clock. Everything that decides receives its time as an argument.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta, timezone

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

#: China keeps one civil time, UTC+8, without daylight saving since 1991 (IANA tz, Asia/Shanghai).
CITY_OFFSET_MS = 8 * HOUR_MS
CITY_ZONE = timezone(timedelta(hours=8), "CST")

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def wall_ms() -> int:
    """Now, by the machine's clock [ms since 1970-01-01 UTC]."""
    return time.time_ns() // 1_000_000


def elapsed_s() -> float:
    """A monotonic reading [s]; only differences mean anything."""
    return time.perf_counter()


def to_local(t: int) -> str:
    """City-local ISO 8601 time of ``t`` [ms], with offset, to the second."""
    return datetime.fromtimestamp(t / SECOND_MS, CITY_ZONE).isoformat(timespec="seconds")


def to_utc(t: int) -> str:
    """UTC ISO 8601 time of ``t`` [ms] with 'Z', to the millisecond."""
    return datetime.fromtimestamp(t / SECOND_MS, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_datetime(moment: datetime) -> int:
    """Epoch milliseconds of a moment; one without an offset is city-local time."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=CITY_ZONE)
    return round(aware.timestamp() * SECOND_MS)


def of_day(t: int) -> int:
    """Milliseconds since local midnight."""
    return (t + CITY_OFFSET_MS) % DAY_MS


def day(t: int) -> int:
    """Ordinal of the local calendar day (days since 1970-01-01)."""
    return (t + CITY_OFFSET_MS) // DAY_MS


def local_date(t: int) -> date:
    """The local calendar day, as people write it."""
    return datetime.fromtimestamp(t / SECOND_MS, CITY_ZONE).date()


def weekday(t: int) -> int:
    """Local day of the week, Monday = 0 (1970-01-01 was a Thursday)."""
    return (day(t) + 3) % 7


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as ``1d12h``, ``90m`` or ``45s``.

    Raises:
        ValueError: if ``text`` is not such a duration, naming the form that is.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise ValueError(f"'{text}' is not a duration; write it like 1d12h, 90m or 45s")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS
