"""Envelope encryption: each job and each file has a data key of its own, stored only wrapped by the master key.

AES-256-GCM throughout (NIST SP 800-38D). Deleting a wrapped key makes everything under it unreadable, even copies in
backups of the object store.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
MIN_MASTER_BYTES = 32
PURPOSES = ("api-key", "cursor", "audit", "signing-key", "subject")


class DecryptionError(Exception):
    """The data was changed, moved to another place, or encrypted under another key."""


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it may be stored: the master key's id, a nonce, and the encrypted key."""

    blob: bytes = field(repr=False)


Masters = Sequence[bytes]
"""Master keys. The first one wraps; all of them unwrap."""


class Keyring:
    """The master keys and everything derived from them.

    `reload` returns the master keys if they have changed. It is called before a key is made and for an unknown key.
    """

    def __init__(self, *masters: bytes, reload: Callable[[], Masters | None] | None = None) -> None:
        self._reload = reload or _unchanged
        self._keys = _Keys.of(masters)
        self._macs: dict[str, bytes] = {}

    @property
    def key_id(self) -> bytes:
        """The id of the master key that wraps. Every wrapped key begins with it."""
        return self._keys.key_id

    @property
    def pinned(self) -> bool:
        """Whether `mac` uses the keys of the database."""
        return self._macs.keys() >= set(PURPOSES)

    def pin(self, macs: Mapping[str, WrappedKey]) -> None:
        """Let `mac` use these keys, which stay the same when the master key changes."""
        self._macs = {purpose: self._unwrap(wrapped) for purpose, wrapped in macs.items()}

    def new_data_key(self) -> WrappedKey:
        """A new data key."""
        self.refresh()
        return self._wrap(AESGCM.generate_key(KEY_BYTES * 8))

    def first_mac_key(self, purpose: str) -> WrappedKey:
        """The key of a purpose for an installation that has none in its database yet."""
        return self._wrap(self._keys.derived_macs[purpose])

    def rewrap(self, wrapped: WrappedKey) -> WrappedKey:
        """The same data key, wrapped by the present master key. Raises `DecryptionError`."""
        return self._wrap(self._unwrap(wrapped))

    def encrypt(self, wrapped: WrappedKey, data: bytes, aad: str) -> bytes:
        """Encrypt `data`. `aad` names the place of the data: it can be decrypted only with the same `aad`."""
        return _seal(AESGCM(self._unwrap(wrapped)), data, aad.encode())

    def decrypt(self, wrapped: WrappedKey, blob: bytes, aad: str) -> bytes:
        """Reverse `encrypt`. Raises `DecryptionError` if anything was changed."""
        return _unseal(AESGCM(self._unwrap(wrapped)), blob, aad.encode())

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 under the key of a purpose, one of `PURPOSES`."""
        key = self._macs.get(purpose) or self._keys.derived_macs[purpose]
        return hmac.digest(key, data, hashlib.sha256)

    def refresh(self) -> None:
        """Use the present master keys, if they have changed."""
        masters = self._reload()
        if masters is not None:
            self._keys = _Keys.of(masters)

    def _wrap(self, key: bytes) -> WrappedKey:
        keys = self._keys
        return WrappedKey(keys.key_id + _seal(keys.wrappers[keys.key_id], key, keys.key_id))

    def _unwrap(self, wrapped: WrappedKey) -> bytes:
        key_id, sealed = wrapped.blob[:KEY_ID_BYTES], wrapped.blob[KEY_ID_BYTES:]
        if key_id not in self._keys.wrappers:
            self.refresh()
        wrapper = self._keys.wrappers.get(key_id)
        if wrapper is None:
            raise DecryptionError("the data was encrypted under another master key")
        return _unseal(wrapper, sealed, key_id)


@dataclass(frozen=True)
class _Keys:
    """The keys derived from the master keys. Replaced as a whole, since other threads use them meanwhile."""

    key_id: bytes
    wrappers: Mapping[bytes, AESGCM]
    derived_macs: Mapping[str, bytes]

    @classmethod
    def of(cls, masters: Masters) -> _Keys:
        if not masters or any(len(master) < MIN_MASTER_BYTES for master in masters):
            raise ValueError(f"a master key must have at least {MIN_MASTER_BYTES} characters")
        ids = [_derive(master, "id", KEY_ID_BYTES) for master in masters]
        ciphers = [AESGCM(_derive(master, "wrap", KEY_BYTES)) for master in masters]
        macs = {name: _derive(masters[0], name, KEY_BYTES) for name in PURPOSES}
        return cls(ids[0], dict(zip(ids, ciphers, strict=True)), macs)


def _unchanged() -> None:
    return None


def _derive(master: bytes, purpose: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"lethe/{purpose}".encode()).derive(master)


def _seal(cipher: AESGCM, data: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, aad)


def _unseal(cipher: AESGCM, blob: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise DecryptionError("the data was changed, or belongs elsewhere") from None
