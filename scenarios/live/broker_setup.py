"""``citybrain broker``: secrets for every node that has none, and the files that let mosquitto enforce them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from datahub.contract.clock import wall_ms
from datahub.contract.errors import OutsideError, UsageError
from datahub.contract.topics import Topics
from datahub.devices import broker_files
from datahub.devices.authority import Authority
from datahub.devices.credentials import Credentials, Role
from datahub.devices.register import node_codes
from datahub.store.session import FILE, Store
from scenarios.settings import load as load_settings

SECRETS = "secrets.csv"


def set_up(
    folder: Path, *, city: str | None, data: Path | None, host: str, port: int, certificate_port: int, revoke: str
) -> str:
    """Issue what is lacking, revoke what is asked for, write everything; says what was done.

    Raises:
        UsageError: if the platform has no databases yet, or the name to revoke has nothing.
        OutsideError: if the folder cannot be written.
    """
    settings = load_settings(city=city, data=data)
    if not (settings.data / FILE).exists():
        raise UsageError(f"{settings.data} holds no platform yet; start 'citybrain city' once, or name it with --data")
    store, now = Store(settings.data, city=settings.city), wall_ms()
    try:
        credentials = Credentials(store)
        if revoke:
            credentials.revoke(revoke, t=now, by="command line", why="asked for")
        known = {row.name for row in credentials.in_force(now)}
        wanted = {str(code): Role.NODE for code in node_codes(store)} | {"hub": Role.HUB, "north": Role.LISTENER}
        wanted.pop(revoke, None)
        fresh = {
            name: credentials.issue(name, role, t=now, by="command line")
            for name, role in wanted.items()
            if name not in known
        }
        authority = Authority.at(settings.data / "authority", now=now)
        authority.revoked = credentials.revoked_serials()
        conf = broker_files.write(
            folder,
            credentials.in_force(now),
            topics=Topics(settings.city),
            authority=authority,
            host=host,
            port=port,
            certificate_port=certificate_port,
        )
        _append(folder / SECRETS, fresh)
    except OSError as error:
        raise OutsideError(f"cannot write to {folder} ({error.strerror}); name another folder") from error
    finally:
        store.close()
    return (
        f"{len(known | set(fresh))} names, {len(fresh)} of them new: their secrets stand in {folder / SECRETS} and "
        f"nowhere else.\nStart the broker: mosquitto -c {conf}\nA running one reads the files again on SIGHUP."
    )


def _append(path: Path, fresh: dict[str, str]) -> None:
    """Keep new secrets where only their owner reads them."""
    text = io.StringIO()
    csv.writer(text).writerows(sorted(fresh.items()))
    path.touch(mode=0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(text.getvalue())
