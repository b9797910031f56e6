"""The processor's RSA key and X.509 certificate, and signatures by them.

The specification signs the SHA-256 of the raw body (FIPS 186-4) and does not say with which padding. Receivers verify
PKCS #1 v1.5.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from core.service.crypto.secret_files import read_or_create
from core.service.errors import Unavailable
from core.service.kit.clock import now
from core.service.settings import Settings

KEY_BITS = 4096
SELF_SIGNED_DAYS = 825
_PREFIXES = ("X-OpenDSR", "X-OpenGDPR")

log = structlog.get_logger(__name__)


class ProcessorKey:
    """The key and certificate of one domain."""

    def __init__(self, domain: str, key: rsa.RSAPrivateKey, certificate_pem: str) -> None:
        """Raises `Unavailable` where the certificate is of another key or another domain."""
        self.domain, self.certificate_pem, self._key = domain, certificate_pem, key
        try:
            leaf = x509.load_pem_x509_certificates(certificate_pem.encode())[0]
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            raise Unavailable("The OpenDSR certificate cannot be read.") from None
        if leaf.public_key() != key.public_key():
            raise Unavailable("The OpenDSR certificate is not of the OpenDSR key.")
        if domain not in names.get_values_for_type(x509.DNSName):
            raise Unavailable("The OpenDSR certificate does not name the OpenDSR domain.")
        if leaf.not_valid_after_utc <= now():
            raise Unavailable("The OpenDSR certificate has expired.")

    @classmethod
    def load(cls, settings: Settings) -> ProcessorKey:
        """Load key and certificate from the files of the settings. A missing certificate is self-signed on first use.

        Raises `Unavailable` for files that cannot be used.
        """
        domain = domain_of(settings)
        key_file = settings.opendsr_key_file or settings.data_dir / "opendsr.key"
        try:
            key = serialization.load_pem_private_key(read_or_create(key_file, _new_key).encode(), password=None)
        except (ValueError, TypeError):
            raise Unavailable("The OpenDSR key cannot be read.") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Unavailable("The OpenDSR key is not an RSA key.")
        return cls(domain, key, _certificate(settings.opendsr_certificate_file, settings.data_dir, domain, key))

    def sign(self, body: bytes) -> str:
        """The signature of a body, base64."""
        return base64.b64encode(self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers with domain and signature, under the names of OpenDSR and of its predecessor OpenGDPR."""
        signature = self.sign(body)
        return {
            f"{prefix}-{name}": value
            for prefix in _PREFIXES
            for name, value in (("Processor-Domain", self.domain), ("Signature", signature))
        }


def domain_of(settings: Settings) -> str:
    """The processor's domain: the setting, else the host of the public URL, else `localhost`."""
    host = (settings.public_url or "").partition("://")[2].partition("/")[0].rpartition("@")[2]
    return settings.opendsr_domain or (host if host.startswith("[") else host.partition(":")[0]) or "localhost"


def _certificate(file: Path | None, folder: Path, domain: str, key: rsa.RSAPrivateKey) -> str:
    if file is None:
        return read_or_create(folder / "opendsr.crt", lambda: _self_signed(domain, key)) + "\n"
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        raise Unavailable("The OpenDSR certificate cannot be read.") from None


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    encoding = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, encoding, serialization.NoEncryption()).decode().strip()


def _self_signed(domain: str, key: rsa.RSAPrivateKey) -> str:
    log.warning("opendsr_certificate_self_signed", domain=domain)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode().strip()
