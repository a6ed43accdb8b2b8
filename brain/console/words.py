"""The page's words: every one in Chinese and English, declared in ``words.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import msgspec

from brain.views import Name
from datahub.contract.declared import own_text, read
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import line_of

LANGUAGES: Final = ("zh", "en")

FILE: Final = "words.toml"


class _Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language, by ``section.key``. ``unit`` holds what a fact or record is counted in."""

    lang: str
    said: dict[str, str]
    unit: dict[str, str]

    def __call__(self, key: str, **given: object) -> str:
        """A word, its places filled in; an unknown key stands for itself, so that a page never falls silent.

        Where ``n`` is one, the word's ``_one`` is taken if it has such.
        """
        text = self.said.get(f"{key}_one") if str(given.get("n")) == "1" else None
        text = self.said.get(key) if text is None else text
        return key.rpartition(".")[2] if text is None else text.format(**given)

    def of(self, name: Name) -> str:
        """A name in this language."""
        return name.zh if self.lang == "zh" else name.en

    def knows(self, key: str) -> bool:
        """Whether there is such a word."""
        return key in self.said


@cache
def words(lang: str) -> Words:
    """The words of a language; Chinese for one that there is not.

    Raises:
        DeclarationError: if a word lacks a language.
    """
    lang = lang if lang in LANGUAGES else LANGUAGES[0]
    return read_words(own_text("brain.console", FILE), lang)


def read_words(text: str, lang: str) -> Words:
    """The words of a language that a TOML text declares.

    Raises:
        DeclarationError: if a word lacks a language, or says what is not known.
    """
    said: dict[str, str] = {}
    unit: dict[str, str] = {}
    for section, entries in read(text, dict[str, dict[str, _Word]], file=FILE).items():
        for key, word in entries.items():
            if not (word.zh and word.en):
                rule, line = f"word '{section}.{key}' lacks a language", line_of(text, (section, key))
                raise DeclarationError(rule, file=FILE, line=line, remedy="give both zh and en")
            said[f"{section}.{key}"] = word.zh if lang == "zh" else word.en
            unit[f"{section}.{key}"] = word.unit
    return Words(lang, said, unit)
