"""Which sounds are accepted."""

from __future__ import annotations

from core.service.errors import FieldError, InvalidRequest, ServiceError, TooLarge, UnsupportedMedia
from core.service.files.sniff_sound import SoundInfo, sniff_sound
from core.service.settings import Settings

MAX_CHANNELS = 2
MAX_SAMPLE_RATE = 192_000
"""With the limit of seconds these bound the memory that decoding takes: FLAC may hold minutes in a few bytes."""


def inspect_sound(data: bytes, settings: Settings, pointer: str) -> SoundInfo:
    """The header of a sound. Raises `TooLarge`, `UnsupportedMedia`, `InvalidRequest`, each with `pointer`."""
    if len(data) > settings.max_audio_bytes:
        raise _fault(TooLarge, pointer, "audio_too_large", f"At most {settings.max_audio_bytes} bytes a clip.")
    info = sniff_sound(data)
    if info is None:
        raise _fault(UnsupportedMedia, pointer, "unsupported_audio", "Not a whole WAV (PCM or float) or FLAC file.")
    if info.channels > MAX_CHANNELS or info.sample_rate > MAX_SAMPLE_RATE:
        detail = f"Mono or stereo, at most {MAX_SAMPLE_RATE} samples a second."
        raise InvalidRequest.one(pointer, "unsupported_audio_format", detail)
    if info.duration_seconds > settings.max_audio_seconds:
        raise InvalidRequest.one(pointer, "audio_too_long", f"At most {settings.max_audio_seconds:g} seconds a clip.")
    return info


def _fault(kind: type[ServiceError], pointer: str, code: str, detail: str) -> ServiceError:
    return kind(detail, code=code, errors=[FieldError(pointer, code, detail)])
