"""Envelope encryption: each job and each file has a data key of its own, kept only wrapped by the master key.

AES-256-GCM throughout (NIST SP 800-38D). Deleting a wrapped key makes everything under it unreadable, copies in
backups of the object store included.
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
    """The data was changed, belongs elsewhere, or was encrypted under another key."""


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it may be stored: the master key's id, a nonce, and the encrypted key."""

    blob: bytes = field(repr=False)


Masters = Sequence[bytes]
"""Master keys: the first wraps whatever is new, all of them unwrap."""


class Keyring:
    """The master keys and everything derived from them.

    `news` is asked before a key is made, and when one is not known: it gives the masters if they have changed.
    """

    def __init__(self, *masters: bytes, news: Callable[[], Masters | None] | None = None) -> None:
        self._news = news or _no_news
        self._now = _State.of(masters)
        self._macs: dict[str, bytes] = {}

    @property
    def key_id(self) -> bytes:
        """Names the master key that wraps; the first bytes of all that it wrapped."""
        return self._now.key_id

    @property
    def pinned(self) -> bool:
        """Whether the keys of `mac` are those that the database holds."""
        return self._macs.keys() >= set(PURPOSES)

    def pin(self, macs: Mapping[str, WrappedKey]) -> None:
        """From now on, `mac` uses these keys: they stay when the master key changes."""
        self._macs = {purpose: self._reveal(wrapped) for purpose, wrapped in macs.items()}

    def new_data_key(self) -> WrappedKey:
        """A fresh data key."""
        self.refresh()
        return self._wrap(AESGCM.generate_key(KEY_BYTES * 8))

    def first_mac_key(self, purpose: str) -> WrappedKey:
        """The key of a purpose for an installation that has none yet."""
        return self._wrap(self._now.first_macs[purpose])

    def rewrap(self, wrapped: WrappedKey) -> WrappedKey:
        """The same data key, under the master key that wraps now. Raises `DecryptionError`."""
        return self._wrap(self._reveal(wrapped))

    def encrypt(self, wrapped: WrappedKey, data: bytes, aad: str) -> bytes:
        """`data` encrypted; `aad` names its place, and only under that name can it be decrypted."""
        return _seal(AESGCM(self._reveal(wrapped)), data, aad.encode())

    def decrypt(self, wrapped: WrappedKey, blob: bytes, aad: str) -> bytes:
        """Undo `encrypt`. Raises `DecryptionError` for anything that is not exactly what was encrypted."""
        return _unseal(AESGCM(self._reveal(wrapped)), blob, aad.encode())

    def mac(self, purpose: str, data: bytes) -> bytes:
        """HMAC-SHA256 under the key of a purpose, one of `PURPOSES`."""
        key = self._macs.get(purpose) or self._now.first_macs[purpose]
        return hmac.digest(key, data, hashlib.sha256)

    def refresh(self) -> None:
        """Take up master keys that have changed."""
        masters = self._news()
        if masters is not None:
            self._now = _State.of(masters)

    def _wrap(self, key: bytes) -> WrappedKey:
        now = self._now
        return WrappedKey(now.key_id + _seal(now.wrappers[now.key_id], key, now.key_id))

    def _reveal(self, wrapped: WrappedKey) -> bytes:
        key_id, sealed = wrapped.blob[:KEY_ID_BYTES], wrapped.blob[KEY_ID_BYTES:]
        if key_id not in self._now.wrappers:
            self.refresh()
        wrapper = self._now.wrappers.get(key_id)
        if wrapper is None:
            raise DecryptionError("the data was encrypted under another master key")
        return _unseal(wrapper, sealed, key_id)


@dataclass(frozen=True)
class _State:
    """What follows from the master keys, replaced as a whole: other threads use it meanwhile."""

    key_id: bytes
    wrappers: Mapping[bytes, AESGCM]
    first_macs: Mapping[str, bytes]

    @classmethod
    def of(cls, masters: Masters) -> _State:
        if not masters or any(len(master) < MIN_MASTER_BYTES for master in masters):
            raise ValueError(f"a master key must have at least {MIN_MASTER_BYTES} characters")
        ids = [_derive(master, "id", KEY_ID_BYTES) for master in masters]
        ciphers = [AESGCM(_derive(master, "wrap", KEY_BYTES)) for master in masters]
        macs = {name: _derive(masters[0], name, KEY_BYTES) for name in PURPOSES}
        return cls(ids[0], dict(zip(ids, ciphers, strict=True)), macs)


def _no_news() -> None:
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
