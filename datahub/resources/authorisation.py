"""Authorisation codes: what a department bears when it calls data, and whether it may call now (004 Art 38).

A code is the application's number and a random secret, shown once; kept is its hash. A new code ends the one before.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sqlmodel import Session, col, select

from datahub.contract.clock import DAY_MS, HOUR_MS, to_utc
from datahub.contract.codes import ApplicationStage as Stage
from datahub.contract.errors import CitybrainError, UsageError
from datahub.devices.credentials import hashed, matches
from datahub.resources.applications import Applications, subject
from datahub.resources.scope import Scope, from_text
from datahub.store.session import Store
from datahub.store.tables import ApplicationRow, AuditRow, CallRow, CodeRow

_BYTES: Final = 20
_CODE = re.compile(r"([0-9]{1,9})-([a-z2-7]{32})")


class Denial(IntEnum):
    """Why a call is turned away, as the status that HTTP has for it (RFC 9110, RFC 6585)."""

    UNAUTHORISED = 401
    FORBIDDEN = 403
    TOO_MANY = 429


class Denied(CitybrainError):
    """A call that is turned away; ``retry_s``: after so long it may be tried again [s], 0: not at all.

    ``grant``: of the valid code that it bore, if it bore one.
    """

    def __init__(self, denial: Denial, why: str, *, retry_s: int = 0, grant: Grant | None = None) -> None:
        self.denial, self.retry_s, self.grant = denial, retry_s, grant
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a code may call."""

    application: int
    department: str
    scope: Scope


class Authorisation:
    """Gives out codes, admits their bearers, counts and audits their calls. Times are city time [ms]."""

    def __init__(self, store: Store, applications: Applications) -> None:
        self._store, self._applications = store, applications
        self._good: set[bytes] = set()  # digests of codes that were good at their last call

    def issue(self, number: int, *, t: int, by: str) -> tuple[str, int]:
        """A new code of a granted application, and when it expires; the one before it ends.

        Raises:
            UsageError: if the application is not granted.
        """
        secret = base64.b32encode(secrets.token_bytes(_BYTES)).decode().lower()
        with self._store.session() as session:
            row = session.get(ApplicationRow, number)
            if row is None or row.stage != Stage.GRANTED or row.ends <= t:
                stage = "unknown" if row is None else row.stage
                raise UsageError(f"application {number} is {stage}; only one that is granted has a code")
            for former in _in_force(session, number):
                former.revoked = t
                session.add(former)
            life = round(self._applications.limits.code_days.value * DAY_MS)
            expires = min(row.ends, max(t, row.starts) + life)
            session.add(CodeRow(application=number, proof=hashed(secret), issued=t, expires=expires))
            detail = f"code until {to_utc(expires)}"
            session.add(AuditRow(t=t, who=by, action="issue", subject=subject(number), detail=detail))
        return f"{number}-{secret}", expires

    def was_good(self, code: str) -> bool:
        """Whether the code was good when it was last called with; the database is not asked."""
        return _digest(code) in self._good

    def admit(self, code: str, *, t: int) -> Grant:
        """Who bears the code and what may be called with it; the call is counted.

        Raises:
            Denied: if the code is worth nothing (401) or the hour's calls are spent (429).
        """
        self._good.discard(_digest(code))
        grant = self._admit(code, t=t)
        self._good.add(_digest(code))
        return grant

    def _admit(self, code: str, *, t: int) -> Grant:
        found = _CODE.fullmatch(code)
        if found is None:
            raise Denied(Denial.UNAUTHORISED, "bear an authorisation code: Authorization: Bearer <code>")
        number = int(found[1])
        with self._store.session() as session:
            row = session.get(ApplicationRow, number)
            fits = any(matches(one.proof, found[2]) for one in _in_force(session, number) if one.expires > t)
            if row is None or not fits or row.stage != Stage.GRANTED or not t < row.ends:
                raise Denied(Denial.UNAUTHORISED, "this authorisation code is unknown, expired or revoked")
            if t < row.starts:
                raise Denied(Denial.UNAUTHORISED, f"this authorisation code is good from {to_utc(row.starts)} on")
            calls = session.get(CallRow, (number, t // HOUR_MS)) or CallRow(
                application=number, hour=t // HOUR_MS, calls=0
            )
            spent = calls.calls >= row.calls_per_hour
            calls.calls += 1
            session.add(calls)
            grant = Grant(number, row.department, from_text(row.granted))
            most = row.calls_per_hour
        if spent:
            left = HOUR_MS - t % HOUR_MS
            raise Denied(
                Denial.TOO_MANY, f"all {most} calls of this hour are spent", retry_s=-(-left // 1000), grant=grant
            )
        return grant

    def note(self, grant: Grant, *, t: int, detail: str) -> None:
        """Write a call on a grant to the audit trail, whatever came of it."""
        about = subject(grant.application)
        with self._store.session() as session:
            session.add(AuditRow(t=t, who=grant.department, action="call", subject=about, detail=detail[:400]))


def named(code: str) -> str:
    """What the audit trail says that a code was for: of a code only the application's number is kept."""
    found = _CODE.fullmatch(code)
    return subject(int(found[1])) if found else "no application"


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _in_force(session: Session, number: int) -> list[CodeRow]:
    chosen = select(CodeRow).where(CodeRow.application == number, CodeRow.revoked == 0)
    return list(session.exec(chosen.order_by(col(CodeRow.id))))
