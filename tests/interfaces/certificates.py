"""An authority that signs certificates of servers and of clients, made for one test."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files in PEM."""

    certificate: Path
    key: Path


class Authority:
    """Signs; its own certificate is the file ``path``."""

    def __init__(self, folder: Path, name: str = "an authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            _builder(self.subject, self.subject, self.key.public_key(), timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(made.public_bytes(Encoding.PEM))

    def pair(
        self,
        name: str,
        *,
        for_client: bool = False,
        good_for: timedelta = timedelta(days=30),
        passphrase: bytes | None = None,
        hosts: tuple[str, ...] = ("localhost", "tower.example"),
        addresses: tuple[str, ...] = ("127.0.0.1",),
    ) -> Pair:
        """Sign for a server of this machine and ``tower.example``, or for a client."""
        found = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if for_client else ExtendedKeyUsageOID.SERVER_AUTH
        names: list[x509.GeneralName] = [
            *map(x509.DNSName, hosts),
            *(x509.IPAddress(ip_address(one)) for one in addresses),
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            _builder(subject, self.subject, key.public_key(), good_for)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        sealing: KeySerializationEncryption = NoEncryption()
        if passphrase is not None:
            sealing = BestAvailableEncryption(passphrase)
        found.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        found.key.touch(mode=0o600)
        found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing))
        return found

    def trust(self, client: Pair | None = None) -> ssl.SSLContext:
        """What a client that trusts this authority connects with."""
        context = ssl.create_default_context(cafile=self.path)
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, good_for: timedelta
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + good_for
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), end) - timedelta(days=1))
        .not_valid_after(end)
    )
