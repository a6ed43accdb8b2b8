"""How orders to many devices go out: declared tries and stages, and which device comes in which stage."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from math import ceil

import msgspec

from datahub.commands import Policy
from datahub.contract.clock import SECOND_MS
from datahub.contract.declared import Number, own_text, read
from datahub.contract.errors import DeclarationError, UsageError

FILE = "rollout.toml"


class Shares(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Declared stages: the share of all devices that is reached by the end of each [1]."""

    value: tuple[float, ...]
    unit: str
    zh: str
    en: str
    source: str
    date: dt.date
    unverified: bool = False


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``rollout.toml`` says."""

    retry_count: Number
    retry_gap_s: Number
    valid_s: Number
    install_s: Number
    wait_s: Number
    failure_ratio: Number
    stages: Shares


class Plan(msgspec.Struct, frozen=True):
    """How one job goes out.

    Attributes:
        stages: share of all devices that is reached by the end of each, ascending to 1.
        wait_s: time between the last result of a stage and the next stage [s].
        failure_ratio: the job stops when a larger share of a stage's devices has failed [1].
        valid_s, install_s: how long a device has to begin, and then to report that it got there [s].
        retry_count, retry_gap_s: how often a device that does not answer is told again, how long apart [s].
    """

    stages: tuple[float, ...]
    wait_s: float
    failure_ratio: float
    valid_s: float
    install_s: float
    retry_count: int
    retry_gap_s: float

    @property
    def policy(self) -> Policy:
        """When a device that does not answer is told again."""
        return Policy(self.retry_count, round(self.retry_gap_s * SECOND_MS))


def load(text: str | None = None, *, file: str = FILE) -> Plan:
    """The declared plan.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, Declared, file=file)
    plan = Plan(
        stages=found.stages.value,
        wait_s=found.wait_s.value,
        failure_ratio=found.failure_ratio.value,
        valid_s=found.valid_s.value,
        install_s=found.install_s.value,
        retry_count=int(found.retry_count.value),
        retry_gap_s=found.retry_gap_s.value,
    )
    try:
        check(plan)
    except UsageError as error:
        raise DeclarationError(str(error), file=file, remedy="correct the table of that name") from error
    return plan


def check(plan: Plan) -> None:
    """Refuse a plan that cannot be carried out.

    Raises:
        UsageError: naming what is wrong and what would do.
    """
    ends = plan.stages
    rises = all(before < after for before, after in zip((0.0, *ends), ends, strict=False))
    if not ends or not rises or ends[-1] != 1:
        raise UsageError(f"stages {list(ends)} do not rise from above 0 to 1; give shares such as 0.01, 0.1, 0.5, 1")
    if not 0 <= plan.failure_ratio <= 1:
        raise UsageError(f"failure_ratio {plan.failure_ratio:g} is no share; give 0 to 1")
    for name in ("valid_s", "install_s", "retry_gap_s"):
        if not getattr(plan, name) > 0:
            raise UsageError(f"{name} {getattr(plan, name):g} leaves no time; give more than 0 s")
    if plan.wait_s < 0 or plan.retry_count < 0:
        raise UsageError(f"wait_s {plan.wait_s:g} and retry_count {plan.retry_count} are not below 0")


def staged(job: str, devices: Sequence[int], stages: Sequence[float]) -> dict[int, int]:
    """In which stage each device comes: the first ones by a hash of job and device, so that no one is always first.

    Every stage reaches at least its share; the same job and devices give the same stages, in whatever order they come.
    """
    ranked = sorted(set(devices), key=lambda device: (hashlib.sha256(f"{job}/{device}".encode()).digest(), device))
    found: dict[int, int] = {}
    for stage, share in enumerate(stages):
        for device in ranked[len(found) : ceil(round(share * len(ranked), 6))]:
            found[device] = stage
    return found
