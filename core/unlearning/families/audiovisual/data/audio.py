"""Decode clips from outside."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from core.unlearning.errors import InvalidInputError
from core.unlearning.types import Sound

FORMATS = ("WAV", "WAVEX", "FLAC")
MAX_SECONDS = 60
MAX_RATE = 192_000


def decode(data: bytes, index: int) -> Sound:
    """A clip of one channel, the mean of its channels. Raises `InvalidInputError` naming only the index of the clip."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as opened:
            _check(opened, index)
            samples = opened.read(dtype="float32", always_2d=True).mean(1)
            rate = int(opened.samplerate)
    except InvalidInputError:
        raise
    except Exception as error:
        raise InvalidInputError(f"audio {index} is not a readable WAV or FLAC", code="invalid_audio") from error
    if not len(samples) or not np.isfinite(samples).all():
        raise InvalidInputError(f"audio {index} holds no sound", code="invalid_audio")
    return Sound(samples.clip(-1, 1), rate)


def _check(opened: soundfile.SoundFile, index: int) -> None:
    if opened.format not in FORMATS:
        raise InvalidInputError(f"audio {index} is not a readable WAV or FLAC", code="invalid_audio")
    if opened.samplerate > MAX_RATE:
        raise InvalidInputError(f"audio {index} has more than {MAX_RATE} samples a second", code="audio_too_large")
    if opened.frames > MAX_SECONDS * opened.samplerate:
        raise InvalidInputError(f"audio {index} is longer than {MAX_SECONDS} seconds", code="audio_too_large")
