"""The page's words are complete in both languages, and every word that the page asks for is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from brain.console.words import read_words, words
from brain.seats import ROLES, SeatOrder
from brain.state import IncidentStage, StepStage
from datahub.contract.codes import AckStatus, ApplicationStage, CaseStep, Reason, TaskStage
from datahub.contract.errors import DeclarationError
from datahub.contract.firmware import FIRMWARE
from datahub.devices.alarm_life import AlarmState
from datahub.devices.alarms import OVER_HOURS, SILENT
from datahub.devices.batches import REFUSED
from datahub.devices.condition import Word
from datahub.devices.flapping import FLAPPING
from datahub.devices.guard import FLOOD, RUBBISH
from datahub.devices.joblife import JobState, Step
from datahub.devices.jobs import Sort
from datahub.devices.shadow import ACTED_LOCALLY
from datahub.feed import WISH, Denial
from datahub.ingest import thresholds
from datahub.resources.refusals import Entrance
from sensors.kind import load_kinds

WEB = Path(str(files("brain.console").joinpath("web")))
SCRIPTS = [each.read_text(encoding="utf-8") for each in (*WEB.rglob("*.js"), *WEB.parent.glob("*.js"))]
ASKED = sorted({key for text in SCRIPTS for key in re.findall(r"\bw\(\s*['\"]([a-z_]+\.[a-z_0-9]+)['\"]\s*[,)]", text)})
STYLE = WEB.joinpath("console.css").read_text(encoding="utf-8")


def test_both_languages_fill_the_same_places() -> None:
    chinese, english = words("zh"), words("en")
    assert chinese.said.keys() == english.said.keys()
    for key in chinese.said:
        places = [sorted(re.findall(r"\{(\w+)\}", each.said[key])) for each in (chinese, english)]
        assert places[0] == places[1], key


def test_english_has_no_chinese_letter_but_in_the_switch() -> None:
    found = {key for key, text in words("en").said.items() if re.search(r"[\u3400-\u9fff]", text)}
    assert found == {"head.other_language", "head.switch_language"}


@pytest.mark.parametrize("key", ASKED)
def test_a_word_that_the_page_asks_for_is_declared(key: str) -> None:
    assert words("zh").knows(key)


def test_every_state_that_the_brain_knows_has_a_word() -> None:
    wanted = [f"crew.{stage}" for stage in TaskStage] + [f"case.{step}" for step in CaseStep]
    wanted += [f"stage.{stage}" for stage in IncidentStage] + [f"step.{stage}" for stage in StepStage]
    wanted += [f"order.{order}" for order in SeatOrder] + [f"order.{order}_words" for order in SeatOrder]
    wanted += [f"seat.{role}" for role in ROLES]
    assert [key for key in wanted if not words("zh").knows(key)] == []


def test_every_state_and_alarm_that_the_hub_knows_has_a_word() -> None:
    wanted = [f"hub.job_{word}" for word in (*Sort, *JobState, *Step)] + [f"hub.alarm_{state}" for state in AlarmState]
    wanted += [f"hub.order_{status}" for status in (*AckStatus, REFUSED)]
    wanted += [f"hub.fault_{kind}" for kind in (*OVER_HOURS, SILENT, FLAPPING, FLOOD, RUBBISH)]
    wanted += [f"hub.fault_{one.name}" for one in thresholds.load()]
    wanted += [f"{page}{word}" for page in ("hub.", "map.state_") for word in Word]
    assert [key for key in wanted if not words("zh").knows(key)] == []


def test_every_reason_of_refusal_has_a_word() -> None:
    wanted = [f"reason.{why}" for why in (*Reason, *Denial, Entrance.ILL)]
    wanted += [f"bridge.{way}" for way in ("pulled", "pushed")]
    wanted += [f"hub.made_{resolution}" for resolution in ("raw", "hourly", "daily")]
    assert [key for key in wanted if not words("zh").knows(key)] == []


MEMBERS: dict[str, list[str]] = {
    "action": [*(f"reason.{why}" for why in (*Reason, *Denial, Entrance.ILL))],
    "to": [f"deed.{stage}" for stage in ApplicationStage],
    "entrance": [f"deed.{Entrance.CALL}", *(f"reason.{one}" for one in Entrance if one is not Entrance.CALL)],
    "ACTED_LOCALLY": [f"deed.{ACTED_LOCALLY}"],
    "f'command {name}'": ["deed.command"],
    "f'job {to}'": ["deed.job"],
}
"""What an audit action that is no literal may be."""


def audited() -> Iterator[ast.expr]:
    """The action of every row that the hub writes into the audit trail, as its code has it."""
    for path in sorted(Path(str(files("datahub"))).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AuditRow":
                yield next(given.value for given in node.keywords if given.arg == "action")


def test_everything_that_is_audited_has_a_word() -> None:
    actions = list(audited())
    assert len(actions) > 10
    wanted: list[str] = []
    for action in actions:
        literal = isinstance(action, ast.Constant)
        wanted += [f"deed.{action.value}"] if isinstance(action, ast.Constant) else MEMBERS[ast.unparse(action)]
        assert literal or ast.unparse(action) in MEMBERS
    assert sorted({key for key in wanted if not words("zh").knows(key)}) == []


def test_every_order_and_setting_of_our_own_devices_has_a_word() -> None:
    descriptors = [kind.descriptor for kind in load_kinds().values()]
    properties = {one.name for each in descriptors for one in each.properties}
    assert [one.name for each in descriptors for one in each.properties if not (one.zh and one.en)] == []
    wanted = [f"command.{name}" for each in descriptors for name in (*each.commands, WISH)]
    taken = {one.name for each in descriptors for one in each.arguments or ()} | {FIRMWARE}
    wanted += [f"setting.{name}" for name in sorted(taken - properties)]
    assert sorted({key for key in wanted if not words("zh").knows(key)}) == []


def test_an_unknown_language_is_chinese_and_an_unknown_word_stands_for_itself() -> None:
    assert words("fr").lang == "zh"
    assert words("en")("fact.never_heard_of") == "never_heard_of"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[a]\nx = { zh = "一" }\n', r"words\.toml:2: \[a\.x\] object missing required field `en`"),
        ('[a]\nx = { zh = "一", en = "" }\n', r"words\.toml:2: word 'a\.x' lacks a language"),
        ('[a]\ny = { zh = "一", en = "one" }\nx = { zh = "一", en = "one", fr = "un" }\n', r"words\.toml:3: .*`fr`"),
        ("[a\n", r"words\.toml:1: this is not TOML"),
    ],
)
def test_a_word_that_is_not_declared_whole_is_refused(text: str, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        read_words(text, "zh")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, contrast ratio."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["dark", "light", "print"])
def test_text_and_the_four_levels_stand_out_from_every_ground(theme: int) -> None:
    blocks = re.findall(r"\{([^{}]*--ground:[^{}]*)\}", STYLE)
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", blocks[theme]))
    for ground in ("ground", "panel", "raise"):
        for ink in ("text", "second", "chosen"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for level in ("i", "ii", "iii", "iv"):
            assert contrast(colours[level], colours[ground]) >= 3.0, (level, ground)


def test_the_dark_theme_has_the_colours_that_were_agreed() -> None:
    agreed = {"ground": "#0e1420", "panel": "#151d2b", "line": "#26324a", "text": "#e6ebf4", "second": "#93a1b8",
              "normal": "#6f8fb5", "i": "#e5484d", "ii": "#f28e3c", "iii": "#f2c744", "iv": "#4c9be8"}  # fmt: skip
    (dark, _, _) = re.findall(r"\{([^{}]*--ground:[^{}]*)\}", STYLE)
    assert agreed.items() <= dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", dark)).items()


def test_nothing_is_fetched_from_outside() -> None:
    for text in (*SCRIPTS, STYLE):
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
