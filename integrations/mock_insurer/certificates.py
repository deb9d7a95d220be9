"""What the insurer shows to whoever connects with TLS."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificates:
    """A certificate of its owner's, and one of its own making that nobody has reason to trust."""

    def __init__(self, certificate: Path | None, private_key: Path | None, *, at: float) -> None:
        self._untrusted = _self_signed(at)
        self._good = _context(certificate, private_key) if certificate else self._untrusted

    def context(self, *, is_good: bool) -> ssl.SSLContext:
        """Give what a connection is encrypted with."""
        return self._good if is_good else self._untrusted


def _context(certificate: Path, private_key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private_key)
    return context


def _self_signed(at: float) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made_at = datetime.fromtimestamp(at, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made_at - timedelta(days=1))
        .not_valid_after(made_at + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    # The library reads certificates from files alone.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        file.flush()
        return _context(Path(file.name), None)
