"""The web server: plain or with a certificate of the project's own authority, to those who know that."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from datahub.connector import Unanswered
from datahub.contract.clock import wall_ms
from datahub.contract.errors import UsageError
from datahub.devices.authority import Authority
from scenarios.exchange import HttpExchange
from scenarios.live.serving import Proof, Server
from scenarios.settings import load


@dataclass
class Broker:
    """A folder as ``citybrain broker`` writes it."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        Authority.at(self.folder / "authority", now=wall_ms()).write(self.folder, host="127.0.0.1")

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def certificate(self) -> Path:
        return self.folder / "server.crt"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker")


@pytest.fixture
def site(broker: Broker) -> Iterator[str]:
    made = FastAPI()
    made.add_api_route("/lighting/name", lambda: "lighting")
    with Server(made, host="127.0.0.1", port=0, proof=Proof.of(broker.certificate, broker.key)) as server:
        yield server.url


def test_who_trusts_the_authority_is_served_over_https(site: str, broker: Broker) -> None:
    assert site.startswith("https://127.0.0.1:")
    known = ssl.create_default_context(cafile=str(broker.ca))
    known.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python 3.13 asks for
    assert httpx.get(f"{site}/lighting/name", verify=known, trust_env=False).json() == "lighting"


def test_in_clear_nothing_is_said(site: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{site.replace('https', 'http')}/lighting/name", trust_env=False)


def test_the_exchange_believes_who_shows_the_certificate_it_was_given(site: str, broker: Broker) -> None:
    exchange = HttpExchange(
        {"lighting": f"{site.replace('127.0.0.1', 'localhost')}/lighting"}, trust=broker.certificate
    )
    assert exchange.call("lighting", httpx.Request("GET", "/name"), t=0).json() == "lighting"
    exchange.close()


def test_the_exchange_believes_nobody_else(site: str, tmp_path: Path) -> None:
    stranger = Broker(tmp_path / "another")
    for trust in (None, stranger.certificate, stranger.ca):
        exchange = HttpExchange({"lighting": f"{site}/lighting"}, trust=trust)
        with pytest.raises(Unanswered, match="CERTIFICATE_VERIFY_FAILED"):
            exchange.call("lighting", httpx.Request("GET", "/name"), t=0)
        exchange.close()


@pytest.mark.parametrize("trust", ["nowhere.crt", ".", "server.key"])
def test_what_can_vouch_for_nobody_is_named(broker: Broker, trust: str) -> None:
    with pytest.raises(UsageError, match=f"{trust} cannot be read as a certificate|broker cannot be read"):
        HttpExchange({}, trust=broker.folder / trust)


def test_without_a_certificate_it_is_plain_http() -> None:
    assert Proof.of(None, None) is None


@pytest.mark.parametrize(
    ("certificate", "key", "complaint"),
    [
        ("server.crt", None, "set CITYBRAIN_CERTIFICATE_KEY too"),
        (None, "server.key", "set CITYBRAIN_CERTIFICATE too"),
        ("server.crt", "nowhere.key", "nowhere.key, which HTTPS needs, is no file"),
        ("authority", "server.key", "authority, which HTTPS needs, is no file"),
        ("server.key", "server.crt", "cannot be used as a certificate with its key .*PEM"),
        ("ca.crt", "server.key", "KEY_VALUES_MISMATCH"),
        ("server.crt", "authority/ca.key", "KEY_VALUES_MISMATCH"),
        ("server.crt", "locked.key", "cannot be used as a certificate with its key .*the key without a passphrase"),
    ],
)
def test_what_is_no_certificate_with_its_key_is_named(
    broker: Broker, certificate: str | None, key: str | None, complaint: str
) -> None:
    Authority.at(broker.folder / "under a passphrase", now=wall_ms(), passphrase="sixteen letters and more")
    (broker.folder / "under a passphrase" / "ca.key").rename(broker.folder / "locked.key")
    named = [broker.folder / name if name else None for name in (certificate, key)]
    with pytest.raises(UsageError, match=complaint):
        Proof.of(*named)


def test_a_certificate_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CITYBRAIN_CERTIFICATE", "CITYBRAIN_CERTIFICATE_KEY"):
        monkeypatch.setenv(name, "")
    chosen = load()
    assert Proof.of(chosen.certificate, chosen.certificate_key) is None
