"""Observations survive the wire as they were, and nothing that is not a pack gets through."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.codes import Reason
from datahub.contract.observations import MalformedBatch, ObservationBatch, offsets
from datahub.contract.senml import PAYLOAD_LIMIT, decode_packs, encode_packs

PROPERTIES = ("volume_m3", "battery_v", "pressure_pa", "phase_state", "odd")
NOW = 1_763_793_124_123


@st.composite
def batches(draw: st.DrawFn) -> ObservationBatch:
    codes = st.integers(1, 10**18 - 1)
    times = st.integers(2**28 * 1000, 4_000_000_000_000)
    counts = np.array(draw(st.lists(st.integers(0, 5), max_size=6)), np.int64)
    k, n = len(counts), int(counts.sum())

    def column(of: st.SearchStrategy[int], length: int) -> np.ndarray:
        return np.array(draw(st.lists(of, min_size=length, max_size=length)), np.int64)

    node = column(codes, k)
    own = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), np.bool_)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    return ObservationBatch(
        properties=PROPERTIES,
        node=node,
        epoch=column(st.integers(0, 4_000_000_000_000), k),
        first=column(st.integers(0, 2**53), k),
        result_time=column(times, k),
        offset=offsets(counts),
        device=np.where(own, np.repeat(node, counts), column(codes, n)),
        property=column(st.integers(0, len(PROPERTIES) - 1), n).astype(np.int16),
        phenomenon_time=column(times, n),
        value=np.array(draw(st.lists(finite, min_size=n, max_size=n)), np.float64),
    ).check()


def same(one: ObservationBatch, other: ObservationBatch) -> None:
    for name in ("node", "epoch", "first", "result_time", "offset", "device", "phenomenon_time"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    assert [one.properties[i] for i in one.property] == [other.properties[i] for i in other.property]
    assert one.value.tobytes() == (other.value + 0.0).tobytes() or one.value.tolist() == other.value.tolist()


@given(batches())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_decodes_to_the_same_batch(batch: ObservationBatch) -> None:
    packs = encode_packs(batch)
    decoded, rejections = decode_packs([p for _, p in packs], [n for n, _ in packs], now=NOW)
    assert rejections == []
    same(decoded.check(), batch)


@given(batches())
@settings(max_examples=40, deadline=None)
def test_the_way_for_foreign_packs_reads_ours_alike(batch: ObservationBatch) -> None:
    packs = encode_packs(batch)
    foreign = [json.dumps([{"bver": 10, **r} for r in json.loads(payload)]).encode() for _, payload in packs]
    decoded, rejections = decode_packs(foreign, [n for n, _ in packs], now=NOW)
    assert rejections == []
    same(decoded.check(), batch)


@given(st.lists(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), max_size=5))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_raise(payloads: list[bytes]) -> None:
    batch, rejections = decode_packs(payloads, [7] * len(payloads), now=NOW)
    assert batch.packs + len(rejections) == len(payloads)


SEND = {"bn": "7:", "bt": 1763793124.123, "n": "epoch", "u": "ms", "v": 5.0}
SEQ = {"n": "seq", "u": "count", "v": 0.0}


def pack(*rows: dict[str, object], head: dict[str, object] = SEND, seq: dict[str, object] = SEQ) -> bytes:
    return json.dumps([head, seq, *rows]).encode()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", Reason.MALFORMED, id="nothing"),
        pytest.param(b"[]", Reason.MALFORMED, id="no record"),
        pytest.param(b"{}", Reason.MALFORMED, id="no array"),
        pytest.param(b"[" * 100_000, Reason.MALFORMED, id="nested without end"),
        pytest.param(pack()[:-3], Reason.MALFORMED, id="cut off"),
        pytest.param(b"\xff\xfe" + pack(), Reason.NOT_TEXT, id="not UTF-8"),
        pytest.param(pack({"n": "CUT", "v": 1.0}).replace(b"CUT", b"\xe5\xa4"), Reason.NOT_TEXT, id="half a character"),
        pytest.param(b" " * PAYLOAD_LIMIT + pack(), Reason.OVERSIZED, id="oversized"),
        pytest.param(pack({"n": "volume_m3", "v": 1.0, "must_": 1}), Reason.SCHEMA, id="label that must be understood"),
        pytest.param(pack(head={**SEND, "bver": 11}, seq={**SEQ, "bver": 11}), Reason.SCHEMA, id="newer version"),
        pytest.param(pack(head={**SEND, "bver": 9}, seq={**SEQ, "bver": 10}), Reason.MALFORMED, id="two versions"),
        pytest.param(pack(head={**SEND, "bn": "8:"}), Reason.WRONG_SENDER, id="another node's pack"),
        pytest.param(pack(head={**SEND, "n": "volume_m3", "u": "m3"}), Reason.MALFORMED, id="no epoch"),
        pytest.param(pack(seq={**SEQ, "v": 0.5}), Reason.MALFORMED, id="half a sequence number"),
        pytest.param(pack(seq={**SEQ, "v": -1}), Reason.MALFORMED, id="sequence below 0"),
        pytest.param(pack(seq={**SEQ, "v": 1e300}), Reason.MALFORMED, id="sequence beyond counting"),
        pytest.param(pack({"n": "volume_m3", "u": "m3"}), Reason.MALFORMED, id="no value"),
        pytest.param(pack({"n": "volume_m3", "u": "m3", "vs": "many"}), Reason.MALFORMED, id="text for a number"),
        pytest.param(pack({"n": "volume_m3", "u": "m3", "v": 1, "vb": True}), Reason.MALFORMED, id="two values"),
        pytest.param(pack({"n": "volume_m3", "u": "m3", "v": "1"}), Reason.MALFORMED, id="number as text"),
        pytest.param(pack({"n": "volume_m3", "u": "l", "v": 1}), Reason.MALFORMED, id="another unit"),
        pytest.param(pack({"n": "a:b", "u": "\0", "v": 1}), Reason.MALFORMED, id="a name that is none"),
        pytest.param(pack({"bn": "tap:", "n": "volume_m3", "u": "m3", "v": 1}), Reason.MALFORMED, id="no device code"),
        pytest.param(pack({"bn": "\u0663:", "n": "a_v", "u": "V", "v": 1}), Reason.MALFORMED, id="other digits"),
        pytest.param(pack({"bn": "9" * 19 + ":", "n": "a_v", "u": "V", "v": 1}), Reason.MALFORMED, id="long code"),
        pytest.param(pack({"n": "volume_m3", "u": "m3", "v": 1, "t": 1e18}), Reason.MALFORMED, id="time without end"),
        pytest.param(pack({"n": "volume_m3", "v": 1, "u": "m3"}).replace(b'"v": 1,', b'"v": 1e999,'), Reason.MALFORMED,
                     id="infinite"),
        pytest.param(pack({"n": "volume_m3", "u": "m3", "v": 0}).replace(b'"v": 0}]', b'"v": ' + b"9" * 400 + b"}]"),
                     Reason.MALFORMED, id="longer than a float"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_rejected_with_its_reason_and_stops_nothing(payload: bytes, reason: Reason) -> None:
    good = pack({"n": "volume_m3", "u": "m3", "v": 1.5})
    batch, rejections = decode_packs([good, payload, good], [7, 7, 7], now=NOW)
    assert [(r.index, r.reason) for r in rejections] == [(1, reason)]
    assert batch.value.tolist() == [1.5, 1.5]


def test_a_reading_before_the_times_that_the_format_can_say_is_refused() -> None:
    batch = decode_packs([pack({"n": "volume_m3", "u": "m3", "v": 1})], [7], now=NOW)[0]
    early = ObservationBatch(
        **{name: getattr(batch, name) for name in batch.__slots__} | {"result_time": np.array([5])}
    )
    with pytest.raises(MalformedBatch, match="1978"):
        encode_packs(early)


def test_a_foreign_pack_may_leave_out_units_and_count_from_now() -> None:
    rows = b'{"n":"volume_m3","v":2,"t":-60},{"n":"open_state","vb":true}'
    payload = b'[{"n":"seq","v":3,"bver":10},{"n":"epoch","v":9},' + rows + b"]"
    batch, rejections = decode_packs([payload], [7], now=NOW)
    assert rejections == []
    assert batch.properties == ("volume_m3", "open_state")
    assert (batch.first.tolist(), batch.epoch.tolist(), batch.result_time.tolist()) == ([3], [9], [NOW])
    assert batch.phenomenon_time.tolist() == [NOW - 60_000, NOW]
    assert batch.value.tolist() == [2.0, 1.0]


def test_one_bad_row_among_many_packs_costs_its_own_pack_only() -> None:
    good = pack({"n": "volume_m3", "u": "m3", "v": 1.5}, {"bn": "8:", "n": "battery_v", "u": "V", "v": 3.6})
    bad = pack({"n": "volume_m3", "u": "m3", "v": 1.5}, {"bn": "8:", "n": "battery_v", "u": "mV", "v": 3.6})
    batch, rejections = decode_packs([good, bad, bad, good], [7] * 4, now=NOW)
    assert [(r.index, r.reason) for r in rejections] == [(1, Reason.MALFORMED), (2, Reason.MALFORMED)]
    assert batch.packs == 2
    assert batch.device.tolist() == [7, 8, 7, 8]
