"""What a controller has: requests, and a check of signatures with nothing but the published certificate."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.api_server import CANARY, MODEL, Server

DOMAIN = "opendsr.example.org"
ID = "a7551968-d5d6-44b2-9831-815ac9017798"
EMAIL = "quillon.zephyrine@example.com"


def dsr(**changes: Any) -> dict[str, Any]:
    """A request about the canary."""
    identity = {"identity_type": "email", "identity_value": EMAIL, "identity_format": "raw"}
    return {
        "regulation": "gdpr",
        "subject_request_id": ID,
        "subject_request_type": "erasure",
        "submitted_time": "2026-01-31T15:00:00Z",
        "subject_identities": [identity],
        "api_version": "2.0",
        "extensions": {DOMAIN: {"model": MODEL, "entity": {"name": CANARY}}},
        **changes,
    }


@dataclass
class Controller:
    """Verifies as the specification says: certificate through discovery, signature on raw bytes before parsing."""

    server: Server
    root: x509.Certificate
    http: httpx.Client

    def checked(self, answer: httpx.Response) -> dict[str, Any]:
        """The body of an answer whose signature holds."""
        self.check(answer.headers, answer.content)
        body: dict[str, Any] = answer.json()
        if "processor_signature" in body:
            bare = {name: value for name, value in body.items() if name != "processor_signature"}
            self.verify(json.dumps(bare, sort_keys=True, separators=(",", ":")).encode(), body["processor_signature"])
        return body

    def check(self, headers: Any, raw: bytes) -> None:
        for prefix in ("X-OpenDSR", "X-OpenGDPR"):
            assert headers[f"{prefix}-Processor-Domain"] == DOMAIN
            self.verify(raw, headers[f"{prefix}-Signature"])

    def verify(self, raw: bytes, signature: str) -> None:
        """Raises `InvalidSignature`."""
        key = self.certificate().public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(base64.b64decode(signature, validate=True), raw, padding.PKCS1v15(), hashes.SHA256())

    def certificate(self) -> x509.Certificate:
        """The leaf, issued by the authority that the controller trusts, for the domain that it knows."""
        url = self.http.get(f"{self.server.url}/opendsr/v2/discovery").json()["processor_certificate"]
        leaf, issuer = x509.load_pem_x509_certificates(self.http.get(url).content)
        leaf.verify_directly_issued_by(issuer)
        assert issuer == self.root
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [DOMAIN]
        return leaf


def certified(folder: Path) -> tuple[dict[str, Any], x509.Certificate]:
    """Settings with a key and a certificate by an authority of our own, and that authority's certificate."""
    authority, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root = _certificate("Authority", authority, "Authority", authority, None)
    leaf = _certificate("Lethe", key, "Authority", authority, DOMAIN)
    paths = {"opendsr_key_file": folder / "dsr.key", "opendsr_certificate_file": folder / "dsr.crt"}
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    paths["opendsr_key_file"].write_bytes(pem)
    paths["opendsr_certificate_file"].write_bytes(leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM))
    return {**paths, "opendsr_domain": DOMAIN}, root


def _certificate(
    name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, domain: str | None
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1))
    builder = builder.not_valid_after(datetime.now(UTC) + timedelta(days=30))
    if domain is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
