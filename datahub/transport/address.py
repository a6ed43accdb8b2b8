"""Where a broker is found."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from datahub.contract.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens, and as whom to speak to it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a URL like ``mqtt://user:password@host:1883`` names.

        Raises:
            UsageError: if it is no such URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme != "mqtt" or not host or parts.path.strip("/"):
            raise UsageError(f"'{url}' is no broker address; write it like mqtt://127.0.0.1:1883")
        return cls(host=host, port=port or 1883, user=parts.username, password=parts.password)

    def __str__(self) -> str:
        return f"mqtt://{self.host}:{self.port}"
