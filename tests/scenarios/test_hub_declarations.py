"""Every declaration of the hub is read by ``citybrain check``, and refused by its place where it breaks a rule."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from datahub.connectors.loading import sort_of
from datahub.contract.errors import DeclarationError, UsageError
from datahub.devices import guard
from datahub.devices.coding import RESERVED
from datahub.ingest import event_time, settling
from datahub.store import retention
from scenarios.check import check_classes
from scenarios.hub_declarations import read_all
from scenarios.scaffold import free_class
from sensors.kind import load_kinds

HUB = Path(str(files("datahub")))
PLACES = sorted(path.relative_to(HUB).as_posix() for path in HUB.rglob("*.toml"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The hub's declarations alone, copied."""
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes((HUB / place).read_bytes())
    return tmp_path


def test_every_file_is_read(tree: Path) -> None:
    assert sorted(read_all(tree)) == PLACES == sorted(read_all())
    assert len(PLACES) > 10


@pytest.mark.parametrize("broken", ["[nonsense]\nvalue = 1\n", "not toml\n"])
@pytest.mark.parametrize("place", PLACES)
def test_a_broken_file_is_refused_by_its_place(tree: Path, place: str, broken: str) -> None:
    with (tree / place).open("a") as file:
        file.write(broken)
    with pytest.raises(DeclarationError, match=re.escape(place.rpartition("/")[2])) as refused:
        read_all(tree)
    assert refused.value.file == f"datahub/{place}"


def test_a_file_that_nobody_reads_and_one_that_is_gone_are_refused(tree: Path) -> None:
    (tree / "store" / "retentions.toml").write_text("[raw]\nvalue = 14\n")
    with pytest.raises(DeclarationError, match=r"datahub/store/retentions\.toml: no room of the hub reads this file"):
        read_all(tree)
    (tree / "store" / "retentions.toml").unlink()
    (tree / "store" / "retention.toml").unlink()
    with pytest.raises(DeclarationError, match=r"datahub/store/retention\.toml: there is no such file"):
        read_all(tree)


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("devices/limits.toml", "value = 172800", "value = 172801"),
        ("ingest/event_time.toml", "value = 172800", "value = 172799"),
        ("store/retention.toml", "value = 2\n", "value = 1\n"),
    ],
)
def test_nothing_is_final_before_the_longest_backlog_can_have_come(
    tree: Path, place: str, before: str, after: str
) -> None:
    text = (tree / place).read_text("utf-8")
    assert text.count(before) == 1
    (tree / place).write_text(text.replace(before, after), "utf-8")
    with pytest.raises(DeclarationError, match=r"is over before a node without a link may speak \(\[backlog_s\] 17280"):
        read_all(tree)


def test_a_longer_wait_than_the_backlog_is_no_contradiction() -> None:
    shipped = Path(HUB / "ingest" / "event_time.toml").read_text("utf-8")
    longer = event_time.load(shipped.replace("value = 172800", "value = 259200"))
    settling.check(guard.load(), longer, retention.load())


def test_a_sort_that_there_is_none_of_is_refused_by_name() -> None:
    with pytest.raises(DeclarationError, match=r"m\.toml: there is no vendor of sort 'fed'; choose one of desk, feed"):
        sort_of({"sort": "fed"}, file="m.toml")
    with pytest.raises(DeclarationError, match="there is no vendor of sort '7'"):
        sort_of({"sort": 7}, file="m.toml")


def test_no_kind_takes_a_class_that_is_kept_for_something_else() -> None:
    kinds = load_kinds()
    check_classes(kinds)
    for code, whose in RESERVED.items():
        for taken in ({"code": code}, {"gateway_code": code}):
            with pytest.raises(UsageError, match=f"kind 'odd' takes class {code}, which is kept for {whose}"):
                check_classes({**kinds, "odd": replace(kinds["water_meter"], **taken)})


def test_a_new_kind_is_given_no_class_that_is_kept_for_something_else() -> None:
    free = [f"22{n:02d}" for n in range(1, 100)]
    given: list[str] = []
    while len(given) < len(free) - len(RESERVED):
        given.append(free_class(given))
    assert given == [code for code in free if code not in RESERVED]
    with pytest.raises(UsageError, match="every class 2201 to 2299 is taken"):
        free_class(given)
