"""Ed25519 signatures over JSON documents (manifests, certificates), and the key that makes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.unlearning.patches import canonical

ALGORITHM = "Ed25519"


class SignatureError(ValueError):
    """The signature is missing, wrong, or by another key. The message is one line for a person."""


class Signer:
    """Holds the private key. One per service."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key: bytes = private_key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    @classmethod
    def load_or_create(cls, path: Path) -> Signer:
        """Read the key (PEM, PKCS #8); when there is no such file, make one of mode 0600.

        Safe when several processes start at once: all get the one key that was written first. Raises `SignatureError`
        for a file that holds something else.
        """
        if not path.exists():
            _write_key(path, replace=False)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise SignatureError(f"The signing key file {path.name} cannot be read.") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SignatureError(f"The signing key file {path.name} does not hold an Ed25519 key.")
        return cls(key)

    @classmethod
    def replace(cls, path: Path) -> Signer:
        """A new key in place of the one in the file, which is destroyed."""
        _write_key(path, replace=True)
        return cls.load_or_create(path)

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature."""
        return self._private_key.sign(data)

    def sign_document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with `signed_by` and `signature` added; the signature covers everything but itself."""
        by = {"alg": ALGORITHM, "key_id": self.key_id, "public_key": encode(self.public_key)}
        signed = {**document, "signed_by": by}
        signed.pop("signature", None)
        return {**signed, "signature": encode(self.sign(canonical.dumps(signed)))}

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set."""
        return jwks([self.public_key])


def jwks(public_keys: Iterable[bytes]) -> dict[str, Any]:
    """Public keys as a JWK set (RFC 7517, RFC 8037), for `/.well-known/lethe-keys.json`."""
    key = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig"}
    return {"keys": [{**key, "kid": key_id(each), "x": encode(each)} for each in public_keys]}


def key_id(public_key: bytes) -> str:
    """A short name for a public key: the first 16 hex digits of its sha256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def verify(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is by `public_key` (32 raw bytes) over `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_document(document: Mapping[str, Any], public_key: bytes | None = None) -> str:
    """The id of the key that signed, or `SignatureError`.

    Without `public_key` the key named in the document itself is used: that proves the document is unchanged, not who
    signed it.
    """
    try:
        unsigned = {key: value for key, value in document.items() if key != "signature"}
        signature, named = decode(document["signature"]), decode(document["signed_by"]["public_key"])
        data = canonical.dumps(unsigned)
    except (KeyError, TypeError, ValueError) as error:
        raise SignatureError("The document is not signed.") from error
    if public_key is not None and public_key != named:
        raise SignatureError(f"The document is signed by key {key_id(named)}, not by {key_id(public_key)}.")
    if document["signed_by"] != {"alg": ALGORITHM, "key_id": key_id(named), "public_key": encode(named)}:
        raise SignatureError("The document names its key wrongly.")
    if not verify(named, signature, data):
        raise SignatureError("The signature does not fit the content: the document was changed after signing.")
    return key_id(named)


def read_jwks(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Key id to raw Ed25519 public key, from what `jwks` published. Raises `SignatureError` when there is none."""
    try:
        keys = {str(key["kid"]): decode(key["x"]) for key in document["keys"] if key.get("crv") == "Ed25519"}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SignatureError("This is not a set of public keys.") from error
    if not keys:
        raise SignatureError("The set of public keys holds no Ed25519 key.")
    return keys


def withdrawn_keys(document: Mapping[str, Any]) -> dict[str, str]:
    """The day on which each withdrawn key of a published set was withdrawn, by key id. Raises `SignatureError`."""
    try:
        return {str(key["kid"]): str(key["withdrawn_at"])[:10] for key in document.get("withdrawn", ())}
    except (KeyError, TypeError, AttributeError) as error:
        raise SignatureError("This is not a set of public keys.") from error


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The inverse of `encode`. Raises `ValueError`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _write_key(path: Path, *, replace: bool) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            # A link is made whole or not at all, and never over an existing file.
            os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink(missing_ok=True)
