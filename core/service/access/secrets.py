"""The form of an API key: `lk_`, 37 random letters and digits, and six that check them (CRC32 in base 62).

The fixed beginning and the checksum let a secret scanner recognise a leaked key without asking anyone.
"""

from __future__ import annotations

import secrets
import string
import zlib

PREFIX = "lk_"
RANDOM_LENGTH = 37
CHECK_LENGTH = 6
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_secret() -> str:
    """A new key; 220 bits of chance."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return PREFIX + body + _checksum(body)


def well_formed(secret: str) -> bool:
    """Whether this can be a key at all."""
    body = secret.removeprefix(PREFIX)
    if body == secret or len(body) != RANDOM_LENGTH + CHECK_LENGTH or not secret.isascii():
        return False
    return _checksum(body[:RANDOM_LENGTH]) == body[RANDOM_LENGTH:]


def _checksum(body: str) -> str:
    value, letters = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        value, digit = divmod(value, len(_ALPHABET))
        letters = _ALPHABET[digit] + letters
    return letters
