"""Rubbish for the whole intake; the million is ``citybrain bench fuzz``, here it runs whole, but short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest

from datahub.transport.bus import Delivery
from datahub.transport.local import LocalBus, LocalCityBus
from scenarios.bench.fuzz import GROWN_MB, fuzz


@pytest.mark.parametrize("seed", [2, 3])
def test_no_rubbish_stops_the_hub_and_none_is_uncounted(seed: int) -> None:
    found = fuzz(messages=6_000, seed=seed)
    assert found.fine, found
    assert (found.accounted, found.faults) == (6_000, [])
    assert found.grown_mb <= GROWN_MB
    assert found.received == found.stored + found.rejected + found.duplicate + found.unattributed
    assert found.received >= found.sent_readings + found.unread
    assert found.stored > 20, "sound messages among it are taken"
    assert {
        "malformed",
        "not_text",
        "wrong_topic",
        "wrong_sender",
        "schema",
        "unknown_device",
    } <= found.by_reason.keys()


@dataclass(slots=True)
class Losing(LocalBus):
    """A wire that loses one message in 500 before the hub has seen it."""

    passed: int = 0

    @property
    def city_end(self) -> LosingEnd:
        """The end that loses."""
        return LosingEnd(self)


@dataclass(slots=True)
class LosingEnd(LocalCityBus):
    """City's end of it."""

    bus: Losing

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """All that was handed up, without what is lost."""
        came = LocalCityBus.receive(self, wait_s=wait_s)
        first, self.bus.passed = self.bus.passed, self.bus.passed + len(came)
        return [one for i, one in enumerate(came, first) if i % 500 != 499]


def test_a_hub_that_misses_a_message_now_and_then_is_found_out() -> None:
    found = fuzz(messages=2_000, seed=2, bus=Losing())
    assert found.closes, "the hub's own ledger closes all the same"
    assert not found.fine
    assert found.accounted < found.messages
    assert "the ledger received" in found.faults[0]


def test_a_hub_that_grows_without_end_is_found_out() -> None:
    found = fuzz(messages=200, seed=2)
    assert found.fine
    assert not msgspec.structs.replace(found, grown_mb=GROWN_MB + 1).fine
