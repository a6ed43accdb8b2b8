"""Who may change anything through the API: whoever sits at this machine and bears the token."""

from __future__ import annotations

import ipaddress
import secrets

from fastapi import Request

from datahub.api.problems import Problem


class Seat:
    """Lets a caller pass who is on this machine and bears the token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def __call__(self, request: Request) -> None:
        """Refuse everybody else with a problem that says why."""
        host = request.client.host if request.client else ""
        if not _loopback(host):
            raise Problem(403, f"orders are taken from this machine only, and this came from {host or 'nowhere'}")
        if not self._token:
            raise Problem(403, "no token is set, so nobody may give orders; set api_token in the configuration")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), self._token):
            raise Problem(401, "bear the token: Authorization: Bearer <token>", headers={"WWW-Authenticate": "Bearer"})


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
