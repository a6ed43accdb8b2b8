"""Where a broker is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from datahub.contract.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens, and as whom to speak to it.

    Attributes:
        ca: file of the authority that vouches for the broker; None: those that the machine trusts.
        certificate, key: files of the client certificate that proves us.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a URL names.

        ``mqtt://user:password@host:1883``, or over TLS ``mqtts://user:password@host:8883?ca=FILE``, with
        ``&cert=FILE&key=FILE`` for a client certificate.

        Raises:
            UsageError: if it is no such URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        files, tls = dict(parse_qsl(parts.query)), parts.scheme == "mqtts"
        wrong = parts.scheme not in ("mqtt", "mqtts") or not host or parts.path.strip("/")
        if (
            wrong
            or not files.keys() <= ({"ca", "cert", "key"} if tls else set())
            or ("cert" in files) != ("key" in files)
        ):
            shown = f"{parts.scheme}://{host}" if host else "it"
            raise UsageError(
                f"{shown} is no broker address; write it like mqtt://127.0.0.1:1883 or mqtts://host:8883?ca=ca.crt"
            )
        assert host is not None
        return cls(
            host=host,
            port=port or (8883 if tls else 1883),
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            tls=tls,
            ca=files.get("ca"),
            certificate=files.get("cert"),
            key=files.get("key"),
        )

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"
