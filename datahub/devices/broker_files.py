"""What mosquitto needs so that everybody can say only what is theirs: configuration, passwords, topic rights, TLS.

Written from the credentials in force. ``SIGHUP`` lets a running mosquitto read passwords and rights again and cut off
whom they no longer know.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from datahub.contract.senml import PAYLOAD_LIMIT
from datahub.contract.topics import DOWNWARD, UPWARD, Topics
from datahub.devices.authority import Authority
from datahub.devices.credentials import Role
from datahub.store.tables import CredentialRow

INFLIGHT: Final = 100
"""Unacknowledged messages a client may have: the intake takes up to 90 together; the default of 20 halves it."""

QUEUED: Final = 1_000_000
"""What waits for a hub that is away; mosquitto's default of 1 000 silently drops the rest."""

SENSORTHINGS: Final = "v1.1/#"
"""Topics of SensorThings' MQTT extension (OGC 18-088, 13): the hub's voice, for all who listen northbound."""


def write(
    folder: Path,
    credentials: Sequence[CredentialRow],
    *,
    shut_out: Sequence[str],
    topics: Topics,
    authority: Authority,
    host: str,
    port: int,
    certificate_port: int,
) -> Path:
    """Write all files; returns the configuration. Secrets themselves are in none of them.

    Args:
        credentials: those in force.
        shut_out: names that have nothing in force any more; who came in by a certificate is not asked for it again.
        authority: whose certificates the broker believes; it also makes out the broker's own.
        port: where names prove themselves by secret; ``certificate_port``: by client certificate.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority.write(folder, host=host)
    (folder / "passwords").write_text(passwords(credentials))
    (folder / "rights").write_text(rights(credentials, shut_out, topics))
    for name in ("passwords", "rights"):
        (folder / name).chmod(0o600)
    conf = folder / "mosquitto.conf"
    conf.write_text(configuration(folder, host=host, port=port, certificate_port=certificate_port))
    return conf


def configuration(folder: Path, *, host: str, port: int, certificate_port: int) -> str:
    """``mosquitto.conf``: TLS on both listeners, nobody without a name."""
    tls = f"cafile {folder}/ca.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\ntls_version tlsv1.2\n"
    return (
        "# Written by 'citybrain broker'; changes are lost.\n"
        "allow_anonymous false\n"
        f"password_file {folder}/passwords\n"
        f"acl_file {folder}/rights\n"
        f"max_inflight_messages {INFLIGHT}\nmax_queued_messages {QUEUED}\nmessage_size_limit {2 * PAYLOAD_LIMIT}\n"
        f"persistence true\npersistence_location {folder}/\n"
        f"\nlistener {port} {host}\n{tls}"
        f"\nlistener {certificate_port} {host}\n{tls}"
        f"crlfile {folder}/revoked.crl\nrequire_certificate true\nuse_identity_as_username true\n"
    )


def passwords(credentials: Sequence[CredentialRow]) -> str:
    """Mosquitto's password file."""
    return "".join(f"{row.name}:{row.proof}\n" for row in credentials if row.proof.startswith("$7$"))


def rights(credentials: Sequence[CredentialRow], shut_out: Sequence[str], topics: Topics) -> str:
    """Mosquitto's topic rights: a node by pattern to its own topics, everybody else by name; none to the shut out."""
    lines = [f"pattern write {topics.root}/%u/{word}" for word in UPWARD]
    lines += [f"pattern read {topics.root}/%u/{word}" for word in DOWNWARD]
    lines.append(f"pattern read {topics.watermark}")
    for row in credentials:
        mine: list[str] = []
        match Role(row.role):
            case Role.HUB:
                mine = [f"topic readwrite {topics.root}/#", f"topic readwrite {SENSORTHINGS}"]
            case Role.LISTENER:
                mine = [f"topic read {topics.alarm('#')}", f"topic read {SENSORTHINGS}"]
            case Role.CARRIER:
                for node in map(int, row.carries.split()):
                    mine += [f"topic write {topics.of(node, word)}" for word in UPWARD]
                    mine += [f"topic read {topics.of(node, word)}" for word in DOWNWARD]
            case Role.NODE:
                continue
        lines += ["", f"user {row.name}", *mine]
    for name in shut_out:
        lines += ["", f"user {name}", "topic deny #"]
    return "\n".join(lines) + "\n"
