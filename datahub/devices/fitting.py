"""Whether an order or a wish fits a kind of device and the way to it: asked at the hub's door, before anybody is told.

What a command takes, the births say; what a vendor's cloud can carry, its manifest. Where a maker does not say what its
commands take, anything is let through and the device judges. Settings are named like the arguments of the commands that
bring them about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from datahub.contract.firmware import UPDATE_FIRMWARE, VERSION
from datahub.contract.messages import ArgumentDescriptor, KindDescriptor

LATEST_VERSION: Final = 1_000_000
"""Highest version of firmware; ours to choose."""


class Way(msgspec.Struct, frozen=True):
    """A vendor's cloud through which devices are reached, and the commands and settings that it carries to them."""

    vendor: str
    commands: tuple[str, ...]
    settings: tuple[str, ...]


class Fitting:
    """One order or wish, judged once for each kind and way, however many devices it is meant for.

    Args:
        name: a command; None for a wish.
        given: its arguments, or the settings that are wanted, unit in the name.
    """

    def __init__(self, name: str | None, given: Mapping[str, float]) -> None:
        self._name, self._given = name, given
        self._found: dict[tuple[str, str], str] = {}

    def why_not(self, kind: KindDescriptor, way: Way | None) -> str:
        """Why a device of this kind cannot follow, as a sentence that begins with the device; empty if it can."""
        key = (kind.name, way.vendor if way else "")
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._judge(kind, way)
        return found

    def _judge(self, kind: KindDescriptor, way: Way | None) -> str:
        name = self._name
        if name is None and not kind.commands:
            return f"is a {kind.name} and has no command link"
        if name is not None and name not in kind.commands:
            return f"is a {kind.name} and does not take '{name}'; it takes: {_listed(kind.commands)}"
        if way is not None and (off := _not_carried(way, name, self._given)):
            return off
        wrong = unset(kind, self._given) if name is None else unfit(kind, name, self._given)
        return f"is a {kind.name}: {wrong}" if wrong else ""


def unfit(kind: KindDescriptor, command: str, arguments: Mapping[str, float]) -> str:
    """What is wrong with the arguments of a command; empty if nothing."""
    if command == UPDATE_FIRMWARE and (no := no_version(arguments)):
        return no
    if kind.arguments is None:
        return ""
    takes = [one for one in kind.arguments if one.command == command]
    for name in arguments:
        if name not in {one.name for one in takes}:
            return f"'{command}' takes no '{name}'; {_instead(name, takes)}"
    for one in takes:
        value = arguments.get(one.name, one.default)
        if value is None:
            return f"'{command}' needs {_ranged(one)}"
        if not one.low <= value <= one.high:
            return f"{one.name} = {value:g} does not lie between {one.low:g} and {one.high:g}"
    return ""


def unset(kind: KindDescriptor, settings: Mapping[str, float]) -> str:
    """What is wrong with settings that are wanted; empty if nothing."""
    if kind.arguments is None:
        return ""
    takes = [one for one in kind.arguments if one.command != UPDATE_FIRMWARE]
    for name, value in settings.items():
        named = [one for one in takes if one.name == name]
        if not named:
            return f"it has no setting '{name}'; {_instead(name, takes)}"
        if not any(one.low <= value <= one.high for one in named):
            return f"{name} = {value:g} does not lie between {named[0].low:g} and {named[0].high:g}"
    return ""


def no_version(target: Mapping[str, float]) -> str:
    """Why this is no version of firmware that a device can run; empty if it is one."""
    version = target.get(VERSION)
    if set(target) == {VERSION} and version is not None and 1 <= version <= LATEST_VERSION and version == int(version):
        return ""
    text = msgspec.json.encode(dict(target)).decode()
    return f"{text} is no version to run; give {VERSION}, a whole number to {LATEST_VERSION}"


def nobody(devices: Sequence[int], refused: Mapping[int, str]) -> str:
    """That not one of these devices can follow, and why the first cannot; empty if one can."""
    aimed = set(devices)
    if not aimed or not aimed <= refused.keys():
        return ""
    return f"none of the {len(aimed)} devices aimed at can follow; the first: {refused[min(aimed)]}"


def _not_carried(way: Way, name: str | None, given: Iterable[str]) -> str:
    """Why a vendor's cloud cannot take this to its devices; empty if it can."""
    through = f"is reached through the cloud '{way.vendor}', which takes"
    if name is not None:
        return "" if name in way.commands else f"{through}: {_listed(way.commands)}"
    lacks = any(setting not in way.settings for setting in given)
    return f"{through} as settings: {_listed(way.settings)}" if lacks else ""


def _instead(name: str, takes: Sequence[ArgumentDescriptor]) -> str:
    """What would do instead of a name that is not known."""
    near = get_close_matches(name, [one.name for one in takes], n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    return f"{meant}it takes: {_listed(_ranged(one) for one in takes)}"


def _ranged(one: ArgumentDescriptor) -> str:
    return f"{one.name} ({one.low:g} to {one.high:g})"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
