"""Page cursors: the position of a page, with a MAC, so that clients cannot forge one or use it for another list."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest

from core.service.crypto.keyring import Keyring
from core.service.errors import InvalidCursor

_MAC_BYTES = 16


def seal(keyring: Keyring, position: str, binding: bytes) -> str:
    """The cursor of `position` in the list that `binding` identifies."""
    body = position.encode()
    return base64.urlsafe_b64encode(_mac(keyring, body, binding) + body).decode().rstrip("=")


def unseal(keyring: Keyring, cursor: str, binding: bytes) -> str:
    """The position of a cursor. Raises `InvalidCursor` for a cursor that was not made for this list."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not compare_digest(mac, _mac(keyring, body, binding)):
        raise InvalidCursor
    return body.decode()


def _mac(keyring: Keyring, body: bytes, binding: bytes) -> bytes:
    return keyring.mac("cursor", body + b"\n" + binding)[:_MAC_BYTES]
