"""The page's words: every one in Chinese and English, declared in ``words.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from brain.views import Name
from datahub.contract.errors import DeclarationError

LANGUAGES: Final = ("zh", "en")

_FILE: Final = "words.toml"


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
    with files("brain.console").joinpath(_FILE).open("rb") as file:
        sections = tomllib.load(file)
    said: dict[str, str] = {}
    unit: dict[str, str] = {}
    for section, entries in sections.items():
        for key, word in entries.items():
            if not word.get("zh") or not word.get("en"):
                raise DeclarationError(
                    f"word '{section}.{key}' lacks a language", file=_FILE, remedy="give both zh and en"
                )
            said[f"{section}.{key}"] = word[lang]
            unit[f"{section}.{key}"] = word.get("unit", "")
    return Words(lang, said, unit)
