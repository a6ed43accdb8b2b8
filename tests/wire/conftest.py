"""Real brokers: the embedded one, and Debian's mosquitto where it is installed."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from wire_brokers import mosquitto

from datahub.transport.broker import EmbeddedBroker


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """URL of a broker that is running."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.url
    else:
        with mosquitto(tmp_path_factory.mktemp("mosquitto")) as url:
            yield url
