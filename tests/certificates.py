"""Certificates for test servers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost that nobody else has signed, and its key, as files of a folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    began, ends = dt.datetime(2020, 1, 1), dt.datetime(2100, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), began, ends)
    pem = serialization.Encoding.PEM
    (folder / "certificate").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    unsealed = serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unsealed))
    return folder / "certificate", folder / "key"
