"""Seats: passwords are shown once, kept as hashes that only their owner can read, and guessing is slow."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from brain.console.door import FILE, FREE_TRIES, TooManyTriesError, open_door
from datahub.contract.errors import UsageError


def test_the_first_start_makes_a_password_for_each_seat_and_the_next_shows_none(tmp_path: Path) -> None:
    first = open_door(tmp_path)
    assert sorted(first.fresh) == ["commander", "operator"]
    again = open_door(tmp_path)
    assert again.fresh == {}
    for name, password in first.fresh.items():
        seat = again.enter(name, password)
        assert seat is not None
        assert seat.role == name


def test_the_book_holds_hashes_and_is_its_owners_alone(tmp_path: Path) -> None:
    door = open_door(tmp_path)
    path = tmp_path / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    assert all(password not in text for password in door.fresh.values())
    assert not list(tmp_path.glob("*.new"))


def test_a_password_from_the_settings_goes_before_the_book_and_is_not_written_down(tmp_path: Path) -> None:
    door = open_door(tmp_path, given={"operator": "from-settings", "commander": ""})
    assert list(door.fresh) == ["commander"]
    assert door.enter("operator", "from-settings") is not None
    assert list(json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["seats"]) == ["commander"]


def test_a_wrong_password_or_seat_opens_nothing_and_guessing_has_to_wait(tmp_path: Path) -> None:
    now = [100.0]
    door = open_door(tmp_path, given={"operator": "right", "commander": "other"})
    door.clock = lambda: now[0]
    assert door.enter("nobody", "right") is None
    for _ in range(FREE_TRIES):
        assert door.enter("operator", "wrong") is None
    with pytest.raises(TooManyTriesError) as waiting:
        door.enter("operator", "right")
    assert door.enter("commander", "other") is not None
    now[0] += waiting.value.wait_s
    assert door.enter("operator", "right") is not None


def test_a_book_that_cannot_be_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{half", encoding="utf-8")
    with pytest.raises(UsageError, match="delete it to get new passwords"):
        open_door(tmp_path)
    (tmp_path / FILE).write_text('{"seats": {"x": {"role": "king", "salt": "00", "hash": ""}}}', encoding="utf-8")
    with pytest.raises(UsageError, match="no role 'king'"):
        open_door(tmp_path)
