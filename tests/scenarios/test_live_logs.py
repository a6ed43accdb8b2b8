"""What an engineer reads of a live process, and what nobody reads of a virtual one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from brain.model import DepartmentReached, DepartmentUnreachable, Message
from scenarios.live.logs import Notes, hush, speak, warn_in_clear

T = 1_749_553_260_000


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_quantum_leaves_a_line_for_each_thing_out_of_the_ordinary() -> None:
    rejected = {"malformed": 3}
    notes = Notes(lambda: rejected)
    said: list[Message] = [
        DepartmentUnreachable(t=T, department="lighting", failures=2, retry=T + 1, why="timed out"),
        DepartmentReached(t=T, department="traffic_police", silent_s=90.0),
    ]
    with capture_logs() as lines:
        notes.take([], t=T, took_s=0.1)
        assert lines == []
        rejected = {"malformed": 3, "unknown_device": 5}
        notes.take(said, t=T, took_s=2.5)
        notes.take([], t=T, took_s=0.1)
    now = "2025-06-10T19:01:00+08:00"
    assert lines == [
        {"event": "slow_quantum", "log_level": "warning", "t": now, "took_s": 2.5},
        {
            "event": "department_unreachable",
            "log_level": "warning",
            "t": now,
            "department": "lighting",
            "failures": 2,
            "why": "timed out",
        },
        {"event": "department_reached", "log_level": "info", "t": now, "department": "traffic_police", "silent_s": 90},
        {"event": "rejected", "log_level": "warning", "t": now, "reason": "unknown_device", "count": 5, "total": 5},
    ]


def test_lines_go_to_stderr_as_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    speak("city")
    structlog.get_logger().warning("rejected", reason="malformed", count=2)
    out, err = capsys.readouterr()
    assert out == ""
    line = r"at=\d{4}-\d\d-\d\dT[\d:.]+Z level=warning process=city event=rejected reason=malformed count=2\n"
    assert re.fullmatch(line, err)


def test_what_is_no_live_process_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    hush()
    structlog.get_logger().error("broker_lost", broker="mqtt://x:1")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("host", "warned"),
    [("0.0.0.0", True), ("10.0.0.7", True), ("127.0.0.evil.example", True), ("127.0.0.1", False), ("localhost", False)],
)
def test_what_other_machines_may_reach_in_clear_is_told(host: str, warned: bool) -> None:
    with capture_logs() as lines:
        warn_in_clear(host)
    assert [line["event"] for line in lines] == ["http_in_clear"] * warned
