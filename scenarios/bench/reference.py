"""A fixed piece of work, so that absolute figures of different machines can be held against each other."""

from __future__ import annotations

from statistics import median

from datahub.contract.clock import elapsed_s


def reference_loop_s() -> float:
    """What a fixed piece of Python takes on this machine now [s], so that absolute figures can be compared."""

    def once() -> float:
        since = elapsed_s()
        sum(i * i for i in range(1_000_000))
        return elapsed_s() - since

    return median(once() for _ in range(5))
