"""How long people are told that they must do without, in words that promise no more precision than there is."""

from __future__ import annotations

from typing import Final

_DAY_H, _HALF_H = 24, 12

#: Whole days in words, from one; above these, figures. Chinese counts with 两, not 二.
_ZH: Final = ("一", "两", "三", "四", "五", "六", "七", "八", "九", "十")
_EN: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def round_up_h(hours: float) -> int:
    """What is promised [h]: whole hours below a day, whole half days from then on, and never less than an hour."""
    whole = max(1, -int(-hours // 1))
    return whole if whole < _DAY_H else -(-whole // _HALF_H) * _HALF_H


def in_words(hours: int) -> tuple[str, str]:
    """A rounded time (``round_up_h``) as a Chinese and an English text names it, to follow "within about"."""
    if hours < _DAY_H:
        return f"{hours}小时", "an hour" if hours == 1 else f"{hours} hours"
    days, half = divmod(hours // _HALF_H, 2)
    zh = _ZH[days - 1] if days <= len(_ZH) else str(days)
    en = _EN[days - 1] if days <= len(_EN) else str(days)
    if days == 1:
        return ("一天半", "a day and a half") if half else ("一天", "a day")
    return (f"{zh}天半", f"{en} and a half days") if half else (f"{zh}天", f"{en} days")
