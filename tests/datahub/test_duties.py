"""Duties: each has a name in both languages, and what is wrong in their file is refused with its line."""

from __future__ import annotations

import pytest

from datahub.contract.duties import Duty, duties, read_duties
from datahub.contract.errors import DeclarationError

ONE = """# duties

[send_sms]
zh = "发送短信"
en = "send text messages"
desk = true
channel = "sms"
"""


def test_a_duty_says_what_it_is_called_and_how_it_is_done() -> None:
    assert dict(read_duties(ONE, file="d.toml")) == {
        "send_sms": Duty(zh="发送短信", en="send text messages", desk=True, channel="sms")
    }


def test_every_declared_duty_has_a_name_of_its_own_in_both_languages() -> None:
    assert len({duty.zh for duty in duties().values()}) == len(duties())
    assert len({duty.en for duty in duties().values()}) == len(duties())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('zh = "发送短信"\n', "", 3, "missing required field `zh`; give it zh and en"),
        ('en = "send text messages"', 'en = " "', 3, "has no name in 'en'; write what people call it as en"),
        ("desk = true", "desc = true", 6, "unknown field `desc`"),
        ('channel = "sms"', 'channel = "radio"', 7, "[send_sms.channel] invalid enum value 'radio'"),
        ("[send_sms]", "[send_sms", 3, "not TOML"),
    ],
)
def test_a_duty_that_is_not_declared_whole_is_refused(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        read_duties(ONE.replace(old, new), file="d.toml")
    assert words in str(refused.value)
    assert (refused.value.file, refused.value.line) == ("d.toml", line)
