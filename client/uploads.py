"""Pictures and sounds that a caller passes, as parts of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from client.errors import LetheError

Upload = str | Path | bytes | BinaryIO
"""A picture or a sound: a path, the bytes of a file, an open file, or the id of an uploaded file (`file_...`)."""

Part = tuple[str, bytes]
"""A file name that we choose, and the bytes. The name of the file on disk may name the subject, so it is not sent."""

_FILE_ID = re.compile(r"file_[0-9A-Za-z]+")


def split(uploads: Iterable[Upload], kind: str) -> tuple[list[str], list[Part]]:
    """The file ids among `uploads`, and the others as parts, named after `kind`: `image-0`, `image-1`, ..."""
    ids: list[str] = []
    parts: list[Part] = []
    for upload in uploads:
        if isinstance(upload, str) and _FILE_ID.fullmatch(upload):
            ids.append(upload)
        else:
            parts.append((f"{kind}-{len(parts)}", read(upload)))
    return ids, parts


def read(upload: Upload) -> bytes:
    """The bytes of the file. Raises `LetheError` for a path that cannot be read."""
    if isinstance(upload, bytes):
        return upload
    if not isinstance(upload, str | Path):
        return upload.read()
    try:
        return Path(upload).read_bytes()
    except OSError as error:
        raise LetheError(f"cannot read {upload}: {error.strerror or error}") from None


def media_type(data: bytes) -> str:
    """The media type, by the first bytes. The server decides by itself; this only labels the part."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data.startswith(b"fLaC"):
        return "audio/flac"
    return "application/octet-stream"
