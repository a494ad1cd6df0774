"""A certificate that a stand-in makes for itself at its start."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def self_signed(names: Sequence[str], copy: Path | None = None) -> ssl.SSLContext:
    """For a server of these names or addresses; `copy` is written for those who shall trust it.

    SSL_CERT_FILE=copy makes any Python program do so.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(names, key).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if copy:
        copy.write_bytes(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(secret + certificate)
        context.load_cert_chain(path)
    return context


def _signed(names: Sequence[str], key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "standin.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=me,
        subject_name=me,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=30),
    )
    others = x509.SubjectAlternativeName([_named(name) for name in names])
    builder = builder.add_extension(others, critical=False)
    own_issuer = x509.BasicConstraints(ca=True, path_length=0)
    return builder.add_extension(own_issuer, critical=True).sign(key, hashes.SHA256())


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
