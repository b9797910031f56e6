"""Signing secrets: `whsec_` and 32 random bytes, as Standard Webhooks has them. At rest they are encrypted."""

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


def seal(keyring: Keyring, wrapped: WrappedKey, endpoint_id: str, secret: str) -> bytes:
    """What is stored of an endpoint's secret."""
    return keyring.encrypt(wrapped, secret.encode(), _place(endpoint_id))


def in_force(keyring: Keyring, row: WebhookEndpoint, at: datetime) -> list[str]:
    """The secrets to sign with: the present one and, for a while after a rotation, the one before.

    Raises `DecryptionError`.
    """
    sealed = [row.secret]
    if row.previous_secret is not None and row.previous_until is not None and at < row.previous_until:
        sealed.append(row.previous_secret)
    return [keyring.decrypt(WrappedKey(row.wrapped_key), blob, _place(row.id)).decode() for blob in sealed]


def _place(endpoint_id: str) -> str:
    return f"webhooks/{endpoint_id}/secret"
