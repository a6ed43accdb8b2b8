"""The project's own certificate authority: one key vouches for the broker and for nodes (X.509, P-256, SHA-256)."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from datahub.contract.clock import SECOND_MS
from datahub.contract.errors import UsageError

YEARS: Final = 10
"""How long the authority itself is good for."""

_DAY = dt.timedelta(days=1)
_KEY, _CERTIFICATE = "ca.key", "ca.crt"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key as PEM, and the certificate's serial number."""

    pem: bytes
    key: bytes
    serial: int


@dataclass(slots=True)
class Authority:
    """Key and certificate of the authority, and who is revoked: (serial number, when [ms])."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    revoked: Sequence[tuple[int, int]] = ()

    @classmethod
    def at(cls, folder: Path, *, now: int, passphrase: str = "") -> Self:
        """The authority whose key lies in a folder; made there if there is none.

        Args:
            now: wall time [ms].
            passphrase: under which the key is kept; a key that was kept without one is from now on under it.

        Raises:
            UsageError: if the key is under another passphrase, or cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / _KEY).exists():
            key, bare = _kept(folder / _KEY, passphrase)
            if bare and passphrase:
                _keep(folder / _KEY, _pem(key, passphrase))
            return cls(key, x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes()))
        key, name, moment = ec.generate_private_key(ec.SECP256R1()), _name("citybrain authority"), _moment(now)
        certificate = (
            _builder(name, name, key.public_key(), start=moment - _DAY, end=moment + YEARS * 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        _keep(folder / _KEY, _pem(key, passphrase))
        (folder / _CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(key, certificate)

    def certify(self, name: str, *, now: int, expires: int) -> Certificate:
        """A client certificate that vouches for a name until then [ms of wall time].

        Raises:
            UsageError: if that is later than the authority itself is good for.
        """
        end = self.certificate.not_valid_after_utc
        if _moment(expires) > end:
            raise UsageError(
                f"a certificate until {_moment(expires):%Y-%m-%d} would outlive the authority, which is good until"
                f" {end:%Y-%m-%d}; give fewer days"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(
                _name(name), self.certificate.subject, key.public_key(), start=_moment(now) - _DAY, end=_moment(expires)
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Certificate(certificate.public_bytes(serialization.Encoding.PEM), _pem(key), certificate.serial_number)

    def write(self, folder: Path, *, host: str) -> None:
        """Put into a folder what a broker needs: authority, its own certificate and key, who is revoked."""
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        (folder / _CERTIFICATE).write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        if not (folder / "server.key").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder(_name(host), self.certificate.subject, key.public_key(), start=start, end=end)
                .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .sign(self.key, hashes.SHA256())
            )
            _keep(folder / "server.key", _pem(key))
            (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        listed = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        # OpenSSL heeds the latest of several lists of one issuer, and a running mosquitto keeps those it read before.
        listed = listed.last_update(max([start, *(_moment(when) for _, when in self.revoked)])).next_update(end)
        for serial, when in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(when)).build()
            listed = listed.add_revoked_certificate(one)
        (folder / "revoked.crl").write_bytes(
            listed.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, start: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _moment(t: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(t / SECOND_MS, dt.UTC)


def _pem(key: ec.EllipticCurvePrivateKey, passphrase: str = "") -> bytes:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        how = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _kept(path: Path, passphrase: str) -> tuple[ec.EllipticCurvePrivateKey, bool]:
    """The key in a file, and whether it lies there without a passphrase."""
    body, bare = path.read_bytes(), True
    try:
        try:
            key = serialization.load_pem_private_key(body, None)
        except TypeError:  # it is under a passphrase
            bare, key = False, serialization.load_pem_private_key(body, passphrase.encode() or None)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the authority's key {path} cannot be read; set CITYBRAIN_AUTHORITY_PASSPHRASE to the passphrase under"
            " which it was kept"
        ) from error
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, bare


def _keep(path: Path, body: bytes) -> None:
    """Write what only its owner may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_bytes(body)
    fresh.replace(path)
