"""At which devices a request aims: named one by one, or chosen by kind, district and owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datahub.api.problems import Problem
from datahub.api.words import CodeText, Name
from datahub.contract.errors import UsageError
from datahub.devices.targets import Owned, Where, chosen
from datahub.hub import Hub

MOST = 100_000
"""Devices of one request."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,40}$")]


class Choice(BaseModel):
    """Devices by what holds of all of them."""

    model_config = ConfigDict(extra="forbid")

    kind: Name | None = None
    district: Annotated[str | None, Field(pattern=r"^[0-9]{6}$")] = None
    owner: Name | None = None


class Aim(BaseModel):
    """Either ``devices`` (unified codes) or ``where``. ``by`` stands in the audit trail; an ``id`` counts once."""

    model_config = ConfigDict(extra="forbid")

    devices: Annotated[list[CodeText], Field(min_length=1, max_length=MOST)] | None = None
    where: Choice | None = None
    id: Id | None = None
    by: Name

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.devices is None) == (self.where is None):
            raise ValueError("give either devices or where")
        return self


def aimed(hub: Hub, aim: Aim, *, owned: Owned | None) -> Sequence[int]:
    """Codes of the devices at which a request aims, ascending.

    Raises:
        Problem: 422, if the choice cannot be made, means nobody, or too many.
    """
    if aim.devices is not None:
        return sorted({int(code) for code in aim.devices})
    assert aim.where is not None
    try:
        with hub.store.lock:
            found = chosen(hub.registry, Where(**aim.where.model_dump()), owned=owned)
    except UsageError as error:
        raise Problem(422, str(error)) from error
    if not 1 <= len(found) <= MOST:
        raise Problem(422, f"the choice means {len(found)} devices; it must mean 1 to {MOST}")
    return found
