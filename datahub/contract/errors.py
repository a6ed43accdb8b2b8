"""The root of every error of the project, and those that several rooms share.

A message holds the value, the rule, the place and the remedy, because the person who reads it
is at a command line or before a log, not in the code.
"""

from __future__ import annotations

from pathlib import Path

from datahub.contract.codes import Reason


class CitybrainError(Exception):
    """Anything the project itself refuses or gives up on. ``exit_code`` is what a command ends with."""

    exit_code = 1


class UsageError(CitybrainError):
    """What was asked for does not exist or does not fit together."""

    exit_code = 2


class DeclarationError(CitybrainError):
    """A declaration (TOML) breaks a rule. Names file, line, rule and remedy in one sentence."""

    exit_code = 2

    def __init__(self, rule: str, *, file: Path | str, line: int | None = None, remedy: str) -> None:
        self.rule, self.file, self.line, self.remedy = rule, str(file), line, remedy
        place = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{place}: {rule}; {remedy}")


class OutsideError(CitybrainError):
    """Something outside failed: broker, disk, database, network."""

    exit_code = 3


class Unreadable(CitybrainError):
    """A message that came over the wire cannot be taken; ``reason`` is what the ledger counts."""

    def __init__(self, reason: Reason, why: str) -> None:
        self.reason = reason
        super().__init__(why)


class IllegalMove(CitybrainError):
    """A thing was asked to make a move that its life cycle does not know."""

    def __init__(self, thing: str, *, stage: str, move: str, allowed: tuple[str, ...]) -> None:
        self.thing, self.stage, self.move, self.allowed = thing, stage, move, allowed
        choices = ", ".join(allowed) if allowed else "nothing (this stage is final)"
        super().__init__(f"{thing} is '{stage}' and cannot go to '{move}'; allowed: {choices}")
