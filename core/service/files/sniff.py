"""Type and size of a picture, from its header alone. Nothing is decoded here; the worker does that.

JPEG: ITU T.81 annex B; PNG: W3C PNG section 11.2.1; WebP: RFC 9649.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PNG = b"\x89PNG\r\n\x1a\n"
_WEBP_ANIMATION = 0x02
_NOT_SOF = {0xC4, 0xC8, 0xCC}
"""Markers from 0xC0 to 0xCF that do not begin a frame."""


@dataclass(frozen=True)
class ImageInfo:
    """Media type and size in pixels. `animated`: the file holds several pictures."""

    media_type: str
    width: int
    height: int
    animated: bool = False


def sniff(data: bytes) -> ImageInfo | None:
    """Type and size of a JPEG, PNG or WebP; None for any other file and for broken headers."""
    try:
        info = _png(data) or _webp(data) or _jpeg(data)
    except (struct.error, IndexError):
        return None
    return info if info is not None and info.width > 0 and info.height > 0 else None


def _png(data: bytes) -> ImageInfo | None:
    if not data.startswith(_PNG) or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return ImageInfo("image/png", width, height, b"acTL" in _png_chunks(data))


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The types of the chunks before the pixel data."""
    at = 8
    while at + 8 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        yield kind
        at += 12 + struct.unpack_from(">I", data, at)[0]


def _webp(data: bytes) -> ImageInfo | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    size = {b"VP8X": _webp_extended, b"VP8L": _webp_lossless, b"VP8 ": _webp_lossy}.get(data[12:16])
    animated = data[12:16] == b"VP8X" and bool(data[20] & _WEBP_ANIMATION)
    return None if size is None else ImageInfo("image/webp", *size(data), animated)


def _webp_extended(data: bytes) -> tuple[int, int]:
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    return (width, height) if len(data) >= 30 else (0, 0)


def _webp_lossless(data: bytes) -> tuple[int, int]:
    (bits,) = struct.unpack_from("<I", data, 21)
    return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if data[20] == 0x2F else (0, 0)


def _webp_lossy(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 26)
    return (width & 0x3FFF, height & 0x3FFF) if data[23:26] == b"\x9d\x01\x2a" else (0, 0)


def _jpeg(data: bytes) -> ImageInfo | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return ImageInfo("image/jpeg", width, height)
        if marker == 0xDA:
            return None
        at += 2 if 0xD0 <= marker <= 0xD8 or marker == 0x01 else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None
