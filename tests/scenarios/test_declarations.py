from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from datahub.contract.errors import DeclarationError
from scenarios.declarations import Declaration, overlay_of, read, unknown


class Pump(Declaration):
    name: str
    head_m: float
    state: Literal["on", "off"] = "on"


class Works(Declaration):
    zh: str
    pumps: tuple[Pump, ...] = ()
    limits: dict[str, Pump] | None = None


GOOD = """# a works
zh = "水厂"

[[pumps]]
name = "one"
head_m = 30

[[pumps]]
name = "two"
head_m = 31.5
state = "off"
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "works.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(tmp_path: Path, text: str) -> tuple[int | None, str]:
    with pytest.raises(DeclarationError) as caught:
        read(written(tmp_path, text), Works)
    assert "works.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.line, f"{caught.value.rule}; {caught.value.remedy}"


def test_a_sound_declaration_is_read(tmp_path: Path) -> None:
    works = read(written(tmp_path, GOOD), Works)
    assert works == Works(zh="水厂", pumps=(Pump(name="one", head_m=30), Pump(name="two", head_m=31.5, state="off")))


@pytest.mark.parametrize(
    ("wrong", "right", "line", "words"),
    [
        ('state = "off"', 'stat = "off"', 11, "unknown key 'pumps.1.stat'; did you mean 'state'?"),
        (
            "head_m = 31.5",
            "head_cm = 3150",
            10,
            "'pumps.1.head_cm' is in the wrong unit; give it in m and write 'head_m'",
        ),
        ("head_m = 31.5", "", 8, "'pumps.1.head_m' is missing; add 'head_m'"),
        (
            "head_m = 31.5",
            'head_m = "high"',
            10,
            "'pumps.1.head_m' is 'high', but input should be a valid number; correct 'head_m'",
        ),
        ('"off"', '"of"', 11, "'pumps.1.state' is 'of', but input should be 'on' or 'off'; did you mean 'off'?"),
        ('zh = "水厂"', 'zh = "水厂', 2, "this is not TOML"),
        ('zh = "水厂"', "colour = 3\nzh = 'x'", 2, "unknown key 'colour'; choose one of: zh, pumps, limits"),
    ],
)
def test_a_broken_declaration_is_refused_with_line_rule_and_remedy(
    tmp_path: Path, wrong: str, right: str, line: int, words: str
) -> None:
    found, said = refusal(tmp_path, GOOD.replace(wrong, right))
    assert (found, said[: len(words)]) == (line, words)


def test_a_missing_reference_names_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    error = unknown("pump", "tow", ["one", "two"], path=written(tmp_path, GOOD), keys=("pumps", 1, "name"))
    assert (error.line, error.rule, error.remedy) == (9, "there is no pump 'tow'", "did you mean 'two'?")


def test_an_overlay_goes_through_the_same_checks(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    works = read(file, Works, overlay=overlay_of(["pumps.1.head_m=40", "pumps.0.state=off", "zh=新水厂"]))
    assert (works.zh, works.pumps[1].head_m, works.pumps[0].state) == ("新水厂", 40, "off")
    with pytest.raises(DeclarationError, match=r"--set pumps.1.heat_m: unknown key .* did you mean 'head_m'"):
        read(file, Works, overlay=overlay_of(["pumps.1.heat_m=40"]))
    with pytest.raises(DeclarationError, match="write it like"):
        overlay_of(["pumps"])


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="there is no such file"):
        read(tmp_path / "none.toml", Works)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DeclarationError, match="not UTF-8"):
        read(tmp_path / "bytes.toml", Works)
