"""What came of a run: the stable keys of ``outcome.json``."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, distributions, version

import msgspec


class Manifest(msgspec.Struct, frozen=True):
    """What a digest is promised for: one platform and one set of versions."""

    version: str
    python: str
    platform: str
    constraints: str
    city_hash: str


class LedgerTotals(msgspec.Struct, frozen=True, omit_defaults=True):
    """Readings, counted at both ends of the wire.

    Two equations hold exactly: ``published = stored + rejected + lost + in_flight`` and
    ``received = stored + rejected + duplicate + unattributed``.
    """

    published: int
    stored: int
    rejected: int
    in_flight: int
    received: int
    duplicate: int
    unattributed: int
    by_reason: dict[str, int]
    lost: int = 0
    """Readings that their nodes declared lost for ever; left out of the outcome where there are none."""

    @property
    def closes(self) -> bool:
        """Whether both equations hold."""
        return (
            self.published == self.stored + self.rejected + self.lost + self.in_flight
            and self.received == self.stored + self.rejected + self.duplicate + self.unattributed
        )


def accounted(of: LedgerTotals) -> str:
    """Whether every reading is accounted for, in one sentence."""
    sums = f"published {of.published:,} = stored {of.stored:,} + rejected {of.rejected:,} + in flight {of.in_flight:,}"
    sums += f" + lost {of.lost:,}" if of.lost else ""
    return f"the ledger {'closes' if of.closes else 'DOES NOT CLOSE'}: {sums}"


class TaskOutcome(msgspec.Struct, frozen=True):
    """One task of an incident. Times are epoch ms; None where it did not come to that."""

    id: str
    step: str
    department: str
    duty: str
    stage: str
    attempt: int
    ordered: int
    arrived: int | None = None
    done: int | None = None


class IncidentOutcome(msgspec.Struct, frozen=True):
    """One incident from detection to closure. Times are seconds since the scenario began.

    ``level`` is the gravest at which the plan was in force; it is lowered towards the end.
    """

    id: str
    type: str
    level: int | None
    detected_s: float
    confirmed_s: float | None
    activated_s: float | None
    closed_s: float | None
    plan: str
    lon: float
    lat: float
    object: str
    steps: dict[str, float]
    tasks: list[TaskOutcome]
    record: dict[str, float | str]


class WarningOutcome(msgspec.Struct, frozen=True):
    """One warning and whom it reached."""

    id: str
    event: str
    issued_s: float
    channel: str
    people: int
    communities: list[str]
    sent: int
    delivered: int


class ExpectationOutcome(msgspec.Struct, frozen=True):
    """One line of the scenario's ``[expect]``, and whether it held."""

    name: str
    expected: str
    actual: float | str | bool | None
    held: bool


class Outcome(msgspec.Struct):
    """Everything a script may rely on after a run."""

    scenario: str
    city: str
    seed: int
    bus: str
    starts: str
    simulated_s: float
    wall_s: float
    digest: str
    ledger: LedgerTotals
    devices: int
    incidents: list[IncidentOutcome]
    cases: dict[str, int]
    warnings: list[WarningOutcome]
    kpis: dict[str, float]
    expectations: list[ExpectationOutcome]
    manifest: Manifest

    @property
    def held(self) -> bool:
        """Whether every expectation held."""
        return all(expectation.held for expectation in self.expectations)


def manifest(city_hash: str) -> Manifest:
    """What this run stood on."""
    try:
        ours = version("citybrain")
    except PackageNotFoundError:
        ours = "unknown"
    return Manifest(
        version=ours,
        python=platform.python_version(),
        platform=platform.platform(terse=True) + " " + platform.machine(),
        constraints=_installed(),
        city_hash=city_hash,
    )


#: Packages whose version can change a simulated number.
_DECIDING = ("duckdb", "msgspec", "numpy", "scipy", "shapely", "simpy", "wntr")


def _installed() -> str:
    found = {dist.metadata["Name"].lower(): dist.version for dist in distributions()}
    return " ".join(f"{name}=={found[name]}" for name in _DECIDING if name in found)
