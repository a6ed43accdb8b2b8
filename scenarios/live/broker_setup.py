"""``citybrain broker``: secrets and certificates for nodes, and the files that let mosquitto enforce them."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from datahub.contract.clock import CITY_ZONE, DAY_MS, SECOND_MS
from datahub.contract.errors import OutsideError, UsageError
from datahub.contract.private import keep
from datahub.contract.topics import Topics
from datahub.devices import broker_files
from datahub.devices.authority import Authority
from datahub.devices.credentials import Credentials, Role
from datahub.devices.register import node_codes
from datahub.store.session import FILE, Store
from scenarios.settings import Settings
from scenarios.settings import load as load_settings

SECRETS: Final = "secrets.csv"
CERTIFICATES: Final = "certificates"

_BY = "command line"


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the broker listens: for names with a secret, and for those with a client certificate."""

    host: str
    port: int
    certificate_port: int


def set_up(
    folder: Path,
    *,
    city: str | None,
    data: Path | None,
    at: Listening,
    revoke: str = "",
    certify: str = "",
    days: int = 0,
    now: int,
) -> str:
    """Revoke and certify what is asked for, issue what is lacking, write everything; says what was done.

    Args:
        revoke: name whose credential ends.
        certify: name to which a client certificate is made out; whatever it had before ends.
        days: what is issued now is good for so long [d]; 0: a secret for ever.
        now: wall time [ms].

    Raises:
        UsageError: if the platform has no databases yet, or what is asked for cannot be.
        OutsideError: if the folder cannot be written.
    """
    settings = load_settings(city=city, data=data)
    if not (settings.data / FILE).exists():
        raise UsageError(f"{settings.data} holds no platform yet; start 'citybrain city' once, or name it with --data")
    store = Store(settings.data, city=settings.city)
    try:
        credentials, expires = Credentials(store), now + days * DAY_MS if days else 0
        wanted = {str(code): Role.NODE for code in node_codes(store)} | {"hub": Role.HUB, "north": Role.LISTENER}
        _certifiable(certify, wanted, revoke=revoke, days=days)
        authority, said = _authority(settings, now=now), ""
        if revoke:
            credentials.revoke(revoke, t=now, by=_BY, why="asked for")
            wanted.pop(revoke, None)
        if certify:
            said = _certify(folder, certify, wanted[certify], authority, credentials, now, expires)
        known = {row.name for row in credentials.in_force(now)}
        lacking = {name: role for name, role in wanted.items() if name not in known}
        fresh = {n: credentials.issue(n, role, t=now, by=_BY, expires=expires) for n, role in lacking.items()}
        _append(folder / SECRETS, fresh)
        conf = _write(folder, credentials, authority, topics=Topics(settings.city), at=at, now=now)
    except OSError as error:
        raise OutsideError(f"cannot write to {folder} ({error.strerror}); name another folder") from error
    finally:
        store.close()
    return (
        f"{said}{len(known | set(fresh))} names, {len(fresh)} of them new: their secrets stand in {folder / SECRETS} "
        f"and nowhere else.\nStart the broker: mosquitto -c {conf}\nA running one reads the files again on SIGHUP."
    )


def _authority(settings: Settings, *, now: int) -> Authority:
    passphrase = settings.authority_passphrase.get_secret_value()
    return Authority.at(settings.data / "authority", now=now, passphrase=passphrase)


def _write(
    folder: Path, credentials: Credentials, authority: Authority, *, topics: Topics, at: Listening, now: int
) -> Path:
    authority.revoked = credentials.revoked_serials()
    return broker_files.write(
        folder,
        credentials.in_force(now),
        shut_out=credentials.shut_out(now),
        topics=topics,
        authority=authority,
        host=at.host,
        port=at.port,
        certificate_port=at.certificate_port,
    )


def _certifiable(name: str, wanted: dict[str, Role], *, revoke: str, days: int) -> None:
    if not name:
        return
    if name not in wanted:
        raise UsageError(f"'{name}' is neither a node that was ever born, nor hub or north; nothing to certify")
    if name == revoke:
        raise UsageError(f"'{name}' cannot be certified and revoked at once; a new certificate ends the one before")
    if not days:
        raise UsageError(f"the certificate of '{name}' has no end; give --days, such as --days 365")


def _certify(
    folder: Path, name: str, role: Role, authority: Authority, credentials: Credentials, now: int, expires: int
) -> str:
    """Make out a certificate, put it on record, and only then hand it out: none may be good of which nobody knows."""
    one = authority.certify(name, now=now, expires=expires)
    credentials.certify(name, role, one.serial, t=now, by=_BY, expires=expires)
    room = folder / CERTIFICATES
    room.mkdir(parents=True, exist_ok=True)
    for ending, body in (("crt", one.pem), ("key", one.key)):
        keep(room / f"{name}.{ending}", body)
    end = dt.datetime.fromtimestamp(expires / SECOND_MS, CITY_ZONE)
    return f"{name} is certified until {end:%Y-%m-%d %H:%M}: {room / name}.crt and .key\n"


def _append(path: Path, fresh: dict[str, str]) -> None:
    """Keep new secrets where only their owner reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text).writerows(sorted(fresh.items()))
    keep(path, (path.read_bytes() if path.exists() else b"") + text.getvalue().encode())
