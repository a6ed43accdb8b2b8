"""Who may speak on the wire, and what proves it: one secret or certificate for each node, the hub, each listener.

Secrets are random and shown once; kept is their PBKDF2-SHA512 as mosquitto reads it (``mosquitto_passwd``, format 7). A
name is the node's unified code, so that a broker can keep each to its own topics by pattern. A new secret ends the one
before; what was revoked or has expired is in no file that a broker is given.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, literal, select

from datahub.contract.errors import UsageError
from datahub.store.session import Store
from datahub.store.tables import AuditRow, CredentialRow

ROUNDS: Final = 101
"""Rounds of PBKDF2, mosquitto's own number: a secret of 128 random bits needs no more to withstand guessing."""

_SALT, _BYTES = 12, 16


class Role(StrEnum):
    """What a name may do on the wire."""

    NODE = "node"  # speaks for itself and hears what is meant for it
    CARRIER = "carrier"  # one connection that speaks for several nodes
    HUB = "hub"  # hears and says everything
    LISTENER = "listener"  # hears alarms northbound


_OF_NODES: Final = (Role.NODE, Role.CARRIER)


class Credentials:
    """Issues, revokes and lists credentials; every step stands in the audit trail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def issue(self, name: str, role: Role, *, t: int, by: str, expires: int = 0, carries: Sequence[int] = ()) -> str:
        """A new secret for a name; the one before it ends. ``expires``: city time [ms], 0 never.

        Raises:
            UsageError: if the name does not fit the role.
        """
        _fits(name, role, carries)
        secret = base64.b32encode(secrets.token_bytes(_BYTES)).decode().rstrip("=").lower()
        self._replace(
            CredentialRow(
                name=name,
                role=role,
                proof=hashed(secret),
                carries=" ".join(map(str, carries)),
                issued=t,
                expires=expires,
            ),
            by=by,
        )
        return secret

    def certify(self, name: str, role: Role, serial: int, *, t: int, by: str, expires: int) -> None:
        """Note that a certificate was made out to a name; whatever it had before ends."""
        _fits(name, role, ())
        proof = f"x509:{serial:x}"
        self._replace(CredentialRow(name=name, role=role, proof=proof, carries="", issued=t, expires=expires), by=by)

    def revoke(self, name: str, *, t: int, by: str, why: str) -> None:
        """End what a name has.

        Raises:
            UsageError: if it has nothing that is in force.
        """
        with self._store.session() as session:
            found = self._in_force(session, name)
            if not found:
                raise UsageError(f"'{name}' has no credential in force; 'citybrain broker' lists who has")
            for row in found:
                row.revoked = t
                session.add(row)
            session.add(AuditRow(t=t, who=by, action="revoke", subject=name, detail=why))

    def in_force(self, t: int) -> list[CredentialRow]:
        """Everything that proves somebody at ``t``, by name."""
        with self._store.session() as session:
            rows = session.exec(select(CredentialRow).where(CredentialRow.revoked == 0).order_by(CredentialRow.name))
            return [row for row in rows if not row.expires or row.expires > t]

    def shut_out(self, t: int) -> list[str]:
        """Names that once had something and have nothing in force at ``t``, in order."""
        known = {row.name for row in self.in_force(t)}
        with self._store.session() as session:
            every = session.exec(select(CredentialRow.name).distinct().order_by(CredentialRow.name))
            return [name for name in every if name not in known]

    def revoked_serials(self) -> list[tuple[int, int]]:
        """Certificates that were revoked: serial number, and when [ms]."""
        with self._store.session() as session:
            rows = session.exec(select(CredentialRow).where(CredentialRow.revoked != 0).order_by(col(CredentialRow.id)))
            return [(int(row.proof[5:], 16), row.revoked) for row in rows if row.proof.startswith("x509:")]

    def may_speak_together(self, node: int, others: Collection[int]) -> bool:
        """Whether one connection may speak for all these nodes; where no node has a credential, nobody can tell."""
        in_force = select(CredentialRow).where(CredentialRow.revoked == 0)
        spaced = literal(" ").concat(CredentialRow.carries).concat(" ")
        carriers = in_force.where(CredentialRow.role == Role.CARRIER, spaced.contains(f" {node} "))
        with self._store.session() as session:
            if session.exec(in_force.where(col(CredentialRow.role).in_(_OF_NODES)).limit(1)).first() is None:
                return True
            rows = session.exec(carriers).all()
        return any({*map(int, row.carries.split())}.issuperset(others) for row in rows)

    def _replace(self, row: CredentialRow, *, by: str) -> None:
        with self._store.session() as session:
            for former in self._in_force(session, row.name):
                former.revoked = row.issued
                session.add(former)
            session.add(row)
            session.add(AuditRow(t=row.issued, who=by, action="issue", subject=row.name, detail=row.role))

    @staticmethod
    def _in_force(session: Session, name: str) -> list[CredentialRow]:
        return list(session.exec(select(CredentialRow).where(CredentialRow.name == name, CredentialRow.revoked == 0)))


def hashed(secret: str, salt: bytes | None = None) -> str:
    """A secret as mosquitto keeps it: ``$7$rounds$salt$hash``."""
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def matches(proof: str, secret: str) -> bool:
    """Whether a secret is the one of which this was kept."""
    salt = base64.b64decode(proof.split("$")[3])
    return secrets.compare_digest(hashed(secret, salt), proof)


def _fits(name: str, role: Role, carries: Sequence[int]) -> None:
    code = name.isascii() and name.isdigit() and len(name) <= 18
    if role in (Role.NODE, Role.CARRIER) and not code:
        raise UsageError(f"'{name}' is no unified code; a node's name on the wire is its code")
    if role in (Role.HUB, Role.LISTENER) and not (name.isascii() and name.isidentifier() and len(name) <= 64):
        raise UsageError(f"'{name}' is no name for a {role}; take letters, digits and _, beginning with a letter")
    if (role is Role.CARRIER) != bool(carries):
        raise UsageError(f"'{name}': a carrier, and only a carrier, names the nodes that it carries")
