"""Signing secrets: `whsec_` and 32 random bytes, as Standard Webhooks specifies. They are stored encrypted."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from core.service.crypto.keyring import Keyring, WrappedKey
from core.service.db.tables.webhooks import WebhookEndpoint

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A new secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def encrypt(keyring: Keyring, wrapped: WrappedKey, endpoint_id: str, secret: str) -> bytes:
    """The secret as it is stored, encrypted."""
    return keyring.encrypt(wrapped, secret.encode(), _aad(endpoint_id))


def active_secrets(keyring: Keyring, row: WebhookEndpoint, at: datetime) -> list[str]:
    """The secrets to sign with: the present one and, for a time after a rotation, the previous one.

    Raises `DecryptionError`.
    """
    encrypted = [row.secret]
    if row.previous_secret is not None and row.previous_until is not None and at < row.previous_until:
        encrypted.append(row.previous_secret)
    return [keyring.decrypt(WrappedKey(row.wrapped_key), blob, _aad(row.id)).decode() for blob in encrypted]


def _aad(endpoint_id: str) -> str:
    return f"webhooks/{endpoint_id}/secret"
