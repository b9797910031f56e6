"""The form of an API key: `lk_`, 37 random letters and digits, and six that check them (CRC32 in base 62).

By the fixed prefix and the checksum a secret scanner recognises a leaked key offline.
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
    """A new key with 220 random bits."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return PREFIX + body + _checksum(body)


def well_formed(secret: str) -> bool:
    """Whether the text has the form of a key and its checksum is right."""
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
