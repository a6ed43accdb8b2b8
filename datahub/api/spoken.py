"""What is said on the wire: one sample of each sort of message, and what it means in the city."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from datahub.contract.codes import AckStatus
from datahub.contract.messages import (
    Ack,
    Alarm,
    ArgumentDescriptor,
    Birth,
    BirthBatch,
    Command,
    Death,
    Desired,
    Down,
    KindDescriptor,
    Lost,
    Marker,
    North,
    PropertyDescriptor,
    Rebirth,
    Reported,
    Up,
    Watermarks,
)
from datahub.contract.observations import ObservationBatch
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import Outgoing, WatermarksText, encode

TOPICS: Final = Topics("CITY")
NODE, _T = 99010122070000018, 1_763_793_120_000
_CODE: Final = np.array([NODE], np.int64)

_VALVE: Final = KindDescriptor(
    name="valve_actuator",
    zh="电动阀门执行器",
    en="Motorised valve",
    properties=(PropertyDescriptor("position_ratio", 0.01, 0, 1, 900, "开度", "Opening"),),
    commands=("move",),
    report_s=900,
    arguments=(ArgumentDescriptor("move", "position_ratio", 0, 1),),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One sort of message.

    Attributes:
        name: of its channel.
        up: whether the hub receives it (else it sends it).
        text: what it means in the city.
        sample: one such message.
        reads: how its payload reads; None: as a SenML pack.
        answer: channel on which it is answered.
    """

    name: str
    up: bool
    text: str
    sample: Up | Down | North
    reads: type[msgspec.Struct] | None
    answer: str = ""


SAID: Final = (
    Said(
        Word.BIRTH,
        True,
        "A node is there, and this stands behind it. Sent at every power-up under a new epoch, and when asked for.",
        BirthBatch(_VALVE, _CODE, _CODE * 0 + _T, _CODE, _CODE + 10**12, np.array([113.5]), np.array([22.2])),
        Birth,
    ),
    Said(Word.DEATH, True, "A node is gone: its farewell, or its last will.", Death(NODE, _T), Death),
    Said(
        Word.OBS,
        True,
        "Readings of one node, numbered without gaps, as a SenML pack (RFC 8428). QoS 0 is taken too: what is lost on"
        " the way is sent again, until a watermark has passed it.",
        ObservationBatch(
            properties=("position_ratio",),
            node=_CODE,
            epoch=_CODE * 0 + _T,
            first=_CODE * 0,
            result_time=_CODE * 0 + _T,
            offset=np.array([0, 1], np.int64),
            device=_CODE,
            property=np.zeros(1, np.int16),
            phenomenon_time=_CODE * 0 + _T - 1000,
            value=np.array([0.25]),
        ),
        None,
    ),
    Said(
        Word.LOST,
        True,
        "Readings that a node has numbered and has no more: they will never come.",
        Lost(NODE, _T, 3, 7, _T, "memory full"),
        Lost,
    ),
    Said(
        Word.REPORTED,
        True,
        "A device's settings, as it has them.",
        Reported(NODE, NODE, _T, {"position_ratio": 0.25}),
        Reported,
    ),
    Said(
        Word.ACK,
        True,
        "How far a device has come with a command.",
        Ack(NODE, NODE, "order-1", AckStatus.DONE, _T),
        Ack,
    ),
    Said(
        Word.DESIRED,
        False,
        "The settings that a device should have.",
        Desired(NODE, NODE, 1, {"position_ratio": 0.5}),
        Desired,
        answer=Word.REPORTED,
    ),
    Said(
        Word.CMD,
        False,
        "An order to a device, sent once more before it expires.",
        Command("order-1", NODE, NODE, "move", _T, _T + 60_000, {"position_ratio": 0.5}),
        Command,
        answer=Word.ACK,
    ),
    Said(
        Word.REBIRTH,
        False,
        "The hub lacks a node's birth.",
        Rebirth(NODE),
        Rebirth,
        answer=Word.BIRTH,
    ),
    Said(
        "watermark",
        False,
        "What of each node is safe with the hub; nodes keep what is above, and send it again.",
        Watermarks(_CODE, _CODE * 0 + _T, _CODE * 0 + 41),
        WatermarksText,
    ),
    Said(
        "alarm",
        False,
        "An alarm was raised, or its cause is gone: northbound, for whoever listens.",
        Alarm("pole_tilt:1:2", "pole_tilt", NODE, _T, True, "tilt_deg", 6.5, 5.0),
        Alarm,
    ),
    Said(
        "markerField",
        True,
        "The simulated field has sent all that was due (no device sends this).",
        Marker("field", "", _T, 12),
        Marker,
    ),
    Said(
        "markerCity",
        False,
        "The platform has answered all that was due (virtual runs).",
        Marker("city", "r1", _T, 3),
        Marker,
    ),
)


def outgoing(one: Said) -> Outgoing:
    """How its sample goes out."""
    (out,) = encode(one.sample, TOPICS)
    return out
