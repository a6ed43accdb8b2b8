"""Rows of the hub's transactional database (SQLite; the same on PostgreSQL)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary
from sqlmodel import Field, SQLModel


def _big(*, key: bool = False) -> Column[int]:
    """A 64-bit whole number; a key is the unified code itself, never drawn by the database."""
    return Column(BigInteger, primary_key=key, autoincrement=False, nullable=False)


class SchemaRow(SQLModel, table=True):
    """Which version of the tables this database has (one row)."""

    __tablename__ = "hub_schema"
    id: int = Field(default=1, primary_key=True)
    version: int
    city: str


class KindRow(SQLModel, table=True):
    """A kind of device as its births describe it. ``id`` is the order of acquaintance."""

    __tablename__ = "hub_kind"
    id: int = Field(primary_key=True)
    name: str = Field(unique=True)
    descriptor: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PropertyRow(SQLModel, table=True):
    """An observed property and the number that stands for it in the columns."""

    __tablename__ = "hub_property"
    id: int = Field(primary_key=True)
    name: str = Field(unique=True)


class DeviceRow(SQLModel, table=True):
    """One device: what it watches, behind which node it speaks, where it stands in its working life."""

    __tablename__ = "hub_device"
    device: int = Field(sa_column=_big(key=True))
    node: int = Field(sa_column=_big())
    epoch: int = Field(sa_column=_big())
    kind: int
    object: int = Field(sa_column=_big())
    lon: float
    lat: float
    stage: int


class MoveRow(SQLModel, table=True):
    """One step in a device's working life, and who took it."""

    __tablename__ = "hub_move"
    id: int | None = Field(default=None, primary_key=True)
    device: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    t: int = Field(sa_column=_big())
    stage: str
    by: str


class JournalRow(SQLModel, table=True):
    """What one commit of the intake made durable and the column store does not hold yet."""

    __tablename__ = "hub_journal"
    id: int = Field(sa_column=_big(key=True))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ArrivalRow(SQLModel, table=True):
    """Messages as they came by the wire, acknowledged but not taken in yet."""

    __tablename__ = "hub_arrival"
    id: int = Field(sa_column=_big(key=True))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class InboxRow(SQLModel, table=True):
    """A message from a device that the next tick will act on: report, acknowledgement, death, birth notice."""

    __tablename__ = "hub_inbox"
    id: int | None = Field(default=None, primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class TickRow(SQLModel, table=True):
    """One evaluation: all journal entries up to ``journal`` were looked at as of city time ``t`` [ms]."""

    __tablename__ = "hub_tick"
    id: int = Field(sa_column=_big(key=True))
    t: int = Field(sa_column=_big())
    journal: int = Field(sa_column=_big())
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class RejectedRow(SQLModel, table=True):
    """Detail of a reading or message that was not stored; bounded, the ledger counts them all."""

    __tablename__ = "hub_rejected"
    id: int | None = Field(default=None, primary_key=True)
    reason: str = Field(index=True)
    t: int = Field(sa_column=_big())
    node: int = Field(sa_column=_big())
    device: int = Field(sa_column=_big())
    property: str
    phenomenon_time: int = Field(sa_column=_big())
    value: float
    detail: str


class AlarmRow(SQLModel, table=True):
    """An alarm of one device; open while ``cleared`` is 0."""

    __tablename__ = "hub_alarm"
    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    device: int = Field(sa_column=_big())
    property: str
    value: float
    limit: float
    fault: bool
    raised: int = Field(sa_column=_big())
    cleared: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, index=True))


class AcknowledgedRow(SQLModel, table=True):
    """Somebody has taken note of an alarm, and what they said to it."""

    __tablename__ = "hub_acknowledged"
    alarm: str = Field(primary_key=True)
    t: int = Field(sa_column=_big())
    by: str
    note: str


class ConditionRow(SQLModel, table=True):
    """What is known of the health of devices and cannot be counted again from readings (one row by name)."""

    __tablename__ = "hub_condition"
    name: str = Field(primary_key=True)
    t: int = Field(sa_column=_big())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CommandRow(SQLModel, table=True):
    """An order to a device and how far it has come."""

    __tablename__ = "hub_command"
    id: str = Field(primary_key=True)
    device: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    node: int = Field(sa_column=_big())
    name: str
    arguments: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    issued: int = Field(sa_column=_big())
    expires: int = Field(sa_column=_big())
    status: str = Field(index=True)
    updated: int = Field(sa_column=_big())
    detail: str = ""
    tries: int = 1


class BatchRow(SQLModel, table=True):
    """One order to many devices, and how often it is sent again to who does not answer, how long apart [ms]."""

    __tablename__ = "hub_batch"
    id: str = Field(primary_key=True)
    name: str
    arguments: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    issued: int = Field(sa_column=_big())
    expires: int = Field(sa_column=_big())
    retries: int
    gap: int = Field(sa_column=_big())
    by: str


class BatchItemRow(SQLModel, table=True):
    """One device of a batch: the order that it got, or (``refused``) why it got none."""

    __tablename__ = "hub_batch_item"
    batch: str = Field(primary_key=True)
    device: int = Field(sa_column=_big(key=True))
    command: str = Field(index=True)
    refused: str = ""


class JobRow(SQLModel, table=True):
    """Firmware or settings that are rolled out in stages by a plan.

    ``stage`` is -1 before the first; ``deadline``: when the next stage may begin, 0 while one is under way [ms].
    """

    __tablename__ = "hub_job"
    id: str = Field(primary_key=True)
    sort: str
    target: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    plan: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    state: str = Field(index=True)
    stage: int = -1
    deadline: int = Field(default=0, sa_column=_big())
    drafted: int = Field(sa_column=_big())
    updated: int = Field(sa_column=_big())
    by: str
    detail: str = ""


class JobDeviceRow(SQLModel, table=True):
    """One device of a job: in which stage, how far, until when it has time, when it is told again (0: never) [ms]."""

    __tablename__ = "hub_job_device"
    __table_args__ = (Index("ix_hub_job_device_step", "job", "stage", "state"),)
    job: str = Field(primary_key=True)
    device: int = Field(sa_column=_big(key=True))
    stage: int
    state: str = Field(index=True)
    begun: int = Field(default=0, sa_column=_big())
    due: int = Field(default=0, sa_column=_big())
    again: int = Field(default=0, sa_column=_big())
    updated: int = Field(sa_column=_big())
    detail: str = ""


class ShadowRow(SQLModel, table=True):
    """What a device's settings should be and what it says they are."""

    __tablename__ = "hub_shadow"
    device: int = Field(sa_column=_big(key=True))
    desired: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    version: int = 0
    desired_t: int = Field(default=0, sa_column=_big())
    reported: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    reported_t: int = Field(default=0, sa_column=_big())


class DeathRow(SQLModel, table=True):
    """A node that said farewell, or whose last will did, in this birth epoch."""

    __tablename__ = "hub_death"
    node: int = Field(sa_column=_big(key=True))
    epoch: int = Field(sa_column=_big())


class QuarantineRow(SQLModel, table=True):
    """A node that was taken for mad, and since when; in quarantine while ``released`` is 0."""

    __tablename__ = "hub_quarantine"
    id: int | None = Field(default=None, primary_key=True)
    node: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    alarm: str
    why: str
    detail: str
    since: int = Field(sa_column=_big())
    released: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, index=True))
    by: str = ""


class AuditRow(SQLModel, table=True):
    """Something that was done to a device, a node or a right, by whom and when; kept as ``retention.toml`` says.

    It is never changed, but that the line of those who were turned away counts on within its hour (``RefusalRow``).
    """

    __tablename__ = "hub_audit"
    id: int | None = Field(default=None, primary_key=True)
    t: int = Field(sa_column=_big())
    who: str
    action: str = Field(index=True)
    subject: str = Field(index=True)
    detail: str


class RefusalRow(SQLModel, table=True):
    """How often a source was turned away at an entrance in an hour of city time (its number since 1970).

    Hour -1 counts since the first day. ``told``: what came first; ``audit``: the line of the trail that tells of it.
    """

    __tablename__ = "hub_refusal"
    hour: int = Field(sa_column=_big(key=True))
    entrance: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    count: int = Field(sa_column=_big())
    told: str = ""
    audit: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class ApplicationRow(SQLModel, table=True):
    """A department's application to call data, and what was decided. Times in ms of city time.

    ``scope`` and ``granted``: what was applied for and what was granted (``resources.scope``, JSON; empty: nothing).
    ``words``: conditions of a grant, or why not.
    """

    __tablename__ = "hub_application"
    id: int | None = Field(default=None, primary_key=True)
    department: str = Field(index=True)
    purpose: str
    scope: str
    granted: str = ""
    starts: int = Field(sa_column=_big())
    ends: int = Field(sa_column=_big())
    calls_per_hour: int
    stage: str = Field(index=True)
    applied: int = Field(sa_column=_big())
    moved: int = Field(sa_column=_big())
    by: str
    words: str = ""


class CodeRow(SQLModel, table=True):
    """An authorisation code of a granted application, hashed; in force while ``revoked`` is 0, until it expires."""

    __tablename__ = "hub_code"
    id: int | None = Field(default=None, primary_key=True)
    application: int = Field(index=True)
    proof: str
    issued: int = Field(sa_column=_big())
    expires: int = Field(sa_column=_big())
    revoked: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class CallRow(SQLModel, table=True):
    """How many calls came on an application's code in an hour of city time (its number since 1970)."""

    __tablename__ = "hub_call"
    application: int = Field(sa_column=_big(key=True))
    hour: int = Field(sa_column=_big(key=True))
    calls: int


class CredentialRow(SQLModel, table=True):
    """What proves a name on the wire; in force while ``revoked`` is 0 and ``expires`` (0: never) lies ahead.

    ``proof``: a hashed secret as mosquitto reads it, or ``x509:`` and the serial number of a certificate in
    hexadecimal digits. ``carries``: codes of the nodes a carrier speaks for, with blanks between.
    """

    __tablename__ = "hub_credential"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    role: str
    proof: str
    carries: str
    issued: int = Field(sa_column=_big())
    expires: int = Field(default=0, sa_column=_big())
    revoked: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, index=True))


class AssetRow(SQLModel, table=True):
    """A device or managed object that somebody entered into the register, born or not."""

    __tablename__ = "hub_asset"
    code: int = Field(sa_column=_big(key=True))
    sort: str
    owner: str = Field(index=True)
    object: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    lon: float
    lat: float
    name: str
    stage: int


class StaEntityRow(SQLModel, table=True):
    """A thing, sensor, datastream ... created through SensorThings; ``gone`` when it was deleted [ms] (0: is there).

    ``body``: fields, links and what the hub knows it by, as JSON.
    """

    __tablename__ = "hub_sta_entity"
    id: int | None = Field(default=None, primary_key=True)
    sort: str = Field(index=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    gone: int = Field(default=0, sa_column=_big())


class EpochRow(SQLModel, table=True):
    """A birth epoch that is over: what the node said in it may still come."""

    __tablename__ = "hub_epoch"
    node: int = Field(sa_column=_big(key=True))
    epoch: int = Field(sa_column=_big(key=True))


class GapRow(SQLModel, table=True):
    """Sequences of a node that are missing, or that it declared lost for ever; both ends are included."""

    __tablename__ = "hub_gap"
    id: int | None = Field(default=None, primary_key=True)
    node: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    epoch: int = Field(sa_column=_big())
    first: int = Field(sa_column=_big())
    last: int = Field(sa_column=_big())
    since: int = Field(sa_column=_big())
    declared: bool = False
    why: str = ""
