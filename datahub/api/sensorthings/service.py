"""SensorThings of one hub, whichever way it is spoken to."""

from __future__ import annotations

from typing import Final

from datahub.api.sensorthings.changes import Changes
from datahub.api.sensorthings.model import EntitySet, Fields
from datahub.api.sensorthings.source import Source
from datahub.hub import Hub

_SENSING: Final = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
_MQTT: Final = (
    f"{_SENSING}create-observations-via-mqtt/observations-creation",
    f"{_SENSING}receive-updates-via-mqtt/receive-updates",
)
CONFORMANCE: Final = (
    f"{_SENSING}datamodel",
    f"{_SENSING}resource-path/resource-path-to-entities",
    f"{_SENSING}request-data",
    f"{_SENSING}create-update-delete",
    f"{_SENSING}data-array/data-array",
    "http://www.opengis.net/spec/iot_tasking/1.0/req/tasking-core",
)


class SensorThings:
    """What the hub shows and takes as OGC SensorThings API 1.1.

    Attributes:
        mqtt: address of the broker on which its MQTT extension speaks; empty while it does not.
    """

    def __init__(self, hub: Hub) -> None:
        self.source = Source(hub)
        self.changes = Changes(self.source)
        self.mqtt = ""

    def root(self, base: str) -> Fields:
        """The sets, and what of the standard is spoken. ``base``: address of the root, with a slash at its end."""
        settings: Fields = {"conformance": [*CONFORMANCE, *(_MQTT if self.mqtt else ())]}
        settings |= {name: {"endpoints": [self.mqtt]} for name in _MQTT if self.mqtt}
        return {
            "value": [{"name": one.value, "url": f"{base}{one.value}"} for one in EntitySet],
            "serverSettings": settings,
        }
