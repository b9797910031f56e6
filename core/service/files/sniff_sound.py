"""Type and length of a sound, from its header alone. Nothing is decoded here; the worker does that.

Strict: a file whose chunks do not end where the file ends is truncated, or a second file in disguise, and refused.
WAV: RIFF with `fmt ` and `data` (Microsoft Multimedia Standards Update, 1994; WAVEFORMATEXTENSIBLE); FLAC: RFC 9639.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
_SUBFORMAT = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""The bytes of an extensible format's GUID after the two bytes of its tag."""
_STREAMINFO, _LAST_KIND = 0, 126
_SMALLEST_FRAME = 10
"""Bytes of a FLAC frame with one silent channel: header, subframe, checksums."""


@dataclass(frozen=True)
class SoundInfo:
    """Media type, samples per second, number of channels, and samples of each channel."""

    media_type: str
    sample_rate: int
    channels: int
    frames: int

    @property
    def duration_seconds(self) -> float:
        """Its length in seconds."""
        return self.frames / self.sample_rate


def begins_like_sound(data: bytes) -> bool:
    """Whether the file begins like a WAV or FLAC, valid or not."""
    return data.startswith(b"fLaC") or (data[:4] == b"RIFF" and data[8:12] == b"WAVE")


def sniff_sound(data: bytes) -> SoundInfo | None:
    """Type and length of a WAV (PCM or float) or FLAC; None for any other file and for broken or truncated ones."""
    try:
        info = _flac(data) if data.startswith(b"fLaC") else _wav(data)
    except (struct.error, IndexError):
        return None
    return info if info is not None and min(info.sample_rate, info.channels, info.frames) > 0 else None


def _wav(data: bytes) -> SoundInfo | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    chunks = list(_chunks(data))
    kinds, ends = [kind for kind, _, _ in chunks], [end for _, _, end in chunks]
    (size,) = struct.unpack_from("<I", data, 4)
    if not ends or not {len(data), size + 8} <= {ends[-1], ends[-1] + ends[-1] % 2}:
        return None
    if [kind for kind in kinds if kind in (b"fmt ", b"data")] != [b"fmt ", b"data"]:
        return None
    at, end = next((at, end) for kind, at, end in chunks if kind == b"fmt ")
    parsed = _format(data[at:end])
    at, end = next((at, end) for kind, at, end in chunks if kind == b"data")
    if parsed is None or (end - at) % parsed[2]:
        return None
    rate, channels, step = parsed
    return SoundInfo("audio/wav", rate, channels, (end - at) // step)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk; lengths are padded to be even. Raises `struct.error` for a truncated one."""
    at = 12
    while at + 1 < len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + size > len(data):
            raise struct.error
        yield data[at : at + 4], at + 8, at + 8 + size
        at += 8 + size + size % 2


def _format(chunk: bytes) -> tuple[int, int, int] | None:
    """Sample rate, channels, and bytes of one sample of all channels; None if they contradict each other."""
    tag, channels, rate, per_second, step, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE:
        (tag,) = struct.unpack_from("<H", chunk, 24)
        if chunk[26:40] != _SUBFORMAT:
            return None
    if bits not in _BITS.get(tag, ()) or not channels or step != channels * bits // 8 or per_second != rate * step:
        return None
    return rate, channels, step


def _flac(data: bytes) -> SoundInfo | None:
    """The header only claims a length. The file must at least be large enough for it, and hold the first frame."""
    if data[4] & 0x7F != _STREAMINFO or data[5:8] != b"\x00\x00\x22":
        return None
    smallest, largest = struct.unpack_from(">HH", data, 8)
    packed = int.from_bytes(data[18:26], "big")
    rate, channels, frames = packed >> 44, (packed >> 41 & 0x7) + 1, packed & 0xFFFFFFFFF
    first = _first_frame(data)
    if not 16 <= smallest <= largest or first is None or (packed >> 36 & 0x1F) + 1 < 4:
        return None
    smallest_frame = max(_SMALLEST_FRAME, int.from_bytes(data[12:15], "big"))
    if len(data) - first < smallest_frame * -(-frames // largest):
        return None
    return SoundInfo("audio/flac", rate, channels, frames)


def _first_frame(data: bytes) -> int | None:
    """The offset of the first frame, after the last metadata block."""
    at, last = 4, False
    while not last:
        last, kind = bool(data[at] & 0x80), data[at] & 0x7F
        if kind > _LAST_KIND or (at > 4 and kind == _STREAMINFO):
            return None
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    return at if data[at] == 0xFF and data[at + 1] in (0xF8, 0xF9) else None
