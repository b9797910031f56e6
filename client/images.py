"""Pictures and sounds as a caller has them, to what the API takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from client.errors import LetheError

Image = str | Path | bytes | BinaryIO
"""A path, the bytes of an encoded file, an open binary file, or the id of an uploaded file (`file_...`)."""

Clip = Image
"""The same of a sound."""

Part = tuple[str, bytes]
"""A file name of ours and the bytes. The name a file has on disk may name the subject: it never travels."""

_FILE_ID = re.compile(r"file_[0-9A-Za-z]+")


def split(images: Iterable[Image], kind: str = "image") -> tuple[list[str], list[Part]]:
    """File ids, and the pictures, or what else `kind` says, to send along."""
    ids: list[str] = []
    parts: list[Part] = []
    for image in images:
        if isinstance(image, str) and _FILE_ID.fullmatch(image):
            ids.append(image)
        else:
            parts.append((f"{kind}-{len(parts)}", read(image)))
    return ids, parts


def read(image: Image) -> bytes:
    """The bytes of an encoded file."""
    if isinstance(image, bytes):
        return image
    if not isinstance(image, str | Path):
        return image.read()
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise LetheError(f"cannot read {image}: {error.strerror or error}") from None


def media_type(data: bytes) -> str:
    """By the first bytes; the server looks for itself."""
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
