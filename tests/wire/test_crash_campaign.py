"""Hub and broker are killed under load: whole, but short; the long campaign is ``citybrain bench crash``."""

from __future__ import annotations

import shutil

import pytest

from scenarios.bench.campaign import campaign


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_whatever_is_killed_nothing_is_lost_doubled_or_changed(broker: str, capfd: pytest.CaptureFixture[str]) -> None:
    if broker == "mosquitto" and not shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin"):
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    shown = campaign(broker=broker, hub_kills=2, broker_kills=1, messages_s=500.0, pause_s=0.5)
    assert shown.fine, shown
    assert shown.published > 500
    assert shown.stored == shown.published
    assert "campaign-hub" not in capfd.readouterr().out, "whoever reads figures as JSON reads nothing else"
