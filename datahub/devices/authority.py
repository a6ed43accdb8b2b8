"""The project's own certificate authority: one key vouches for the broker and for nodes (X.509, P-256, SHA-256)."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from datahub.contract.clock import SECOND_MS
from datahub.contract.errors import UsageError
from datahub.contract.private import keep

YEARS: Final = 10
"""How long the authority itself is good for."""

_DAY = dt.timedelta(days=1)
_KEY, _CERTIFICATE = "ca.key", "ca.crt"
_SERVER_KEY, _SERVER = "server.key", "server.crt"
_SIGNS: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

SHORTEST: Final = 16
"""Letters of a passphrase at least: the key's format (PKCS #8) makes each guess cost little. Ours to choose."""

LONGEST: Final = 1_000


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
            certificate = _certificate(folder / _CERTIFICATE)
            if certificate is None or certificate.public_key() != key.public_key():
                raise UsageError(
                    f"{folder / _CERTIFICATE} is not the certificate of {folder / _KEY}; put both back from a copy, or"
                    " move both away: a new authority is made then, and all certificates with it"
                )
            if bare and passphrase:
                keep(folder / _KEY, _pem(key, passphrase))
            return cls(key, certificate)
        key, name, moment = ec.generate_private_key(ec.SECP256R1()), _name("citybrain authority"), _moment(now)
        certificate = (
            _builder(name, name, key.public_key(), key, start=moment - _DAY, end=moment + YEARS * 365 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .sign(key, hashes.SHA256())
        )
        keep(folder / _CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))  # without a key it is nothing
        keep(folder / _KEY, _pem(key, passphrase))
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
            self._issued(_name(name), key, start=_moment(now) - _DAY, end=_moment(expires))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Certificate(certificate.public_bytes(serialization.Encoding.PEM), _pem(key), certificate.serial_number)

    def write(self, folder: Path, *, host: str) -> None:
        """Put into a folder what a broker needs: authority, its own certificate and key, who is revoked."""
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        (folder / _CERTIFICATE).write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        if not self._vouches(folder, host):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                self._issued(_name(host), key, start=start, end=end)
                .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .sign(self.key, hashes.SHA256())
            )
            keep(folder / _SERVER_KEY, _pem(key))
            keep(folder / _SERVER, certificate.public_bytes(serialization.Encoding.PEM))
        listed = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        # OpenSSL heeds the latest of several lists of one issuer, and a running mosquitto keeps those it read before.
        listed = listed.last_update(max([start, *(_moment(when) for _, when in self.revoked)])).next_update(end)
        for serial, when in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(when)).build()
            listed = listed.add_revoked_certificate(one)
        (folder / "revoked.crl").write_bytes(
            listed.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def _issued(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, start: dt.datetime, end: dt.datetime
    ) -> x509.CertificateBuilder:
        return _builder(subject, self.certificate.subject, key.public_key(), self.key, start=start, end=end)

    def _vouches(self, folder: Path, host: str) -> bool:
        """Whether a folder has a pair for that host, made out by this authority."""
        certificate = _certificate(folder / _SERVER)
        if certificate is None or not (folder / _SERVER_KEY).exists():
            return False
        try:
            certificate.verify_directly_issued_by(self.certificate)
            key = serialization.load_pem_private_key((folder / _SERVER_KEY).read_bytes(), None)
        except (InvalidSignature, TypeError, ValueError):
            return False
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return key.public_key() == certificate.public_key() and _alternative(host) in names


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _certificate(path: Path) -> x509.Certificate | None:
    """The certificate in a file; None if there is none, or none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


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
        if not SHORTEST <= len(passphrase.encode()) <= LONGEST:
            raise UsageError(f"CITYBRAIN_AUTHORITY_PASSPHRASE must have {SHORTEST} to {LONGEST} letters; take another")
        how = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def _kept(path: Path, passphrase: str) -> tuple[ec.EllipticCurvePrivateKey, bool]:
    """The key in a file, and whether it lies there without a passphrase."""
    body = path.read_bytes()
    bare = b"ENCRYPTED" not in body
    try:
        key = serialization.load_pem_private_key(body, None if bare else passphrase.encode() or b"-")
    except (TypeError, ValueError) as error:
        remedy = (
            "put it back from a copy"
            if bare
            else "set CITYBRAIN_AUTHORITY_PASSPHRASE to the passphrase under which it was kept"
        )
        raise UsageError(f"the authority's key {path} cannot be read; {remedy}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path} is no key of an authority made here (P-256); put that back from a copy")
    return key, bare
