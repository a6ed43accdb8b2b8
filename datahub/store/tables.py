"""Rows of the hub's transactional database (SQLite; the same on PostgreSQL)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary
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
    """Something that was done to a device, a node or a right, by whom and when; never changed, never deleted."""

    __tablename__ = "hub_audit"
    id: int | None = Field(default=None, primary_key=True)
    t: int = Field(sa_column=_big())
    who: str
    action: str = Field(index=True)
    subject: str = Field(index=True)
    detail: str


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


class EpochRow(SQLModel, table=True):
    """A birth epoch that is over: what the node said in it may still come."""

    __tablename__ = "hub_epoch"
    node: int = Field(sa_column=_big(key=True))
    epoch: int = Field(sa_column=_big(key=True))
