"""Rows of the bridges to vendors' clouds, in the hub's transactional database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel


class BridgeRow(SQLModel, table=True):
    """A vendor's cloud that speaks for devices: as which node, since when, and how far it has been heard (JSON)."""

    __tablename__ = "hub_bridge"
    vendor: str = Field(primary_key=True)
    node: int = Field(sa_column=Column(BigInteger, nullable=False))
    epoch: int = Field(sa_column=Column(BigInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class BridgeOutRow(SQLModel, table=True):
    """A message of a bridge's node that the intake has not acknowledged; ``last`` is its last sequence, -1: none."""

    __tablename__ = "hub_bridge_out"
    vendor: str = Field(primary_key=True)
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False))
    topic: str
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    last: int = Field(sa_column=Column(BigInteger, nullable=False))
    count: int


class BridgeSeenRow(SQLModel, table=True):
    """A word of a vendor that was taken, by the vendor's own id, so that it is not taken twice."""

    __tablename__ = "hub_bridge_seen"
    vendor: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    t: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
