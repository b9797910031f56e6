"""What a sound's header says, against what libsndfile wrote; and headers that lie."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from core.service.files.sniff import sniff
from core.service.files.sniff_sound import begins_like_sound, sniff_sound

SUBTYPES = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"),
    "WAVEX": ("PCM_16", "FLOAT"),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
}


def sound(form: str = "WAV", subtype: str = "PCM_16", frames: int = 500, channels: int = 1, rate: int = 8000) -> bytes:
    samples = np.random.default_rng(0).uniform(-1, 1, (frames, channels))
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=subtype)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def form(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, step: int | None = None) -> bytes:
    step = channels * bits // 8 if step is None else step
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * step, step, bits))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


WAV, FLAC, DATA = sound(), sound("FLAC"), chunk(b"data", bytes(200))


@pytest.mark.parametrize(("kind", "subtype"), [(kind, each) for kind, all_ in SUBTYPES.items() for each in all_])
@pytest.mark.parametrize(("frames", "channels", "rate"), [(1, 1, 8000), (777, 2, 44_100), (4096, 1, 96_000)])
def test_what_libsndfile_writes_is_read_right(kind: str, subtype: str, frames: int, channels: int, rate: int) -> None:
    found = sniff_sound(sound(kind, subtype, frames, channels, rate))
    assert found is not None
    assert found.media_type == ("audio/flac" if kind == "FLAC" else "audio/wav")
    assert (found.sample_rate, found.channels, found.frames) == (rate, channels, frames)
    assert found.duration_seconds == frames / rate


def test_other_chunks_and_a_padded_end_are_fine() -> None:
    listed = riff(chunk(b"LIST", b"INFOx"), form(bits=8), chunk(b"data", bytes(201)))
    found = sniff_sound(listed)
    assert found is not None
    assert found.frames == 201
    assert sniff_sound(listed[:-1]) == found, "many writers leave the last byte of padding away"


REFUSED = {
    "nothing": b"",
    "a name only": b"RIFF",
    "a WebP": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f" + bytes(13),
    "an AVI": b"RIFF\x04\x00\x00\x00AVI ",
    "an Ogg": b"OggS" + bytes(100),
    "an MP3": b"ID3\x04" + bytes(100),
    "no chunks": riff(),
    "no format": riff(DATA),
    "no data": riff(form()),
    "data before its format": riff(DATA, form()),
    "two formats": riff(form(), form(), DATA),
    "two datas": riff(form(), DATA, DATA),
    "empty data": riff(form(), chunk(b"data", b"")),
    "cut in its data": WAV[:-7],
    "cut in its header": WAV[:30],
    "a zip behind it": WAV + b"PK\x03\x04" + bytes(30),
    "a page behind it": WAV + b"<script>alert(1)</script>",
    "a length that was never filled in": patched(WAV, 40, b"\xff\xff\xff\xff"),
    "a file longer than it says": patched(WAV, 4, struct.pack("<I", len(WAV) - 20)),
    "a file shorter than it says": patched(WAV, 4, struct.pack("<I", len(WAV) + 20)),
    "A-law": riff(form(6, bits=8), DATA),
    "ADPCM": riff(form(2, bits=4), DATA),
    "float of 16 bits": riff(form(3), DATA),
    "no channels": riff(form(channels=0, step=2), DATA),
    "no rate": riff(form(rate=0), DATA),
    "blocks of another size": riff(form(step=3), DATA),
    "half a sample": riff(form(bits=16), chunk(b"data", bytes(201))),
    "a short format": riff(chunk(b"fmt ", bytes(10)), DATA),
    "an unknown extension": riff(
        chunk(b"fmt ", form(0xFFFE)[8:24] + struct.pack("<HHIH", 22, 16, 0, 1) + bytes(14)), DATA
    ),
    "FLAC: its name only": b"fLaC",
    "FLAC: another first block": patched(FLAC, 4, b"\x04"),
    "FLAC: first block of another size": patched(FLAC, 7, b"\x21"),
    "FLAC: no rate": patched(FLAC, 18, b"\x00\x00\x00"),
    "FLAC: length not known": patched(FLAC, 22, bytes(4)),
    "FLAC: no room for what it claims": patched(FLAC, 21, b"\xff\xff\xff\xff\xff"),
    "FLAC: blocks of one sample": patched(FLAC, 8, b"\x00\x01"),
    "FLAC: blocks that grow small": patched(FLAC, 10, b"\x00\x10"),
    "FLAC: a block that never ends": patched(FLAC, 43, b"\xff\xff\xff"),
    "FLAC: cut before its frames": FLAC[:60],
    "FLAC: its header twice": FLAC[:4] + b"\x00" + FLAC[5:42] + b"\x80" + FLAC[5:],
    "FLAC: a forbidden block": patched(FLAC, 42, b"\xff"),
    "FLAC in an Ogg": b"OggS" + FLAC,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_no_whole_sound_is_refused(data: bytes) -> None:
    assert sniff_sound(data) is None


def test_a_cut_anywhere_is_no_accident_of_the_parser() -> None:
    assert sniff_sound(WAV) is not None
    assert sniff_sound(FLAC) is not None
    for whole in (WAV, FLAC):
        for at in range(len(whole) - 1):
            assert sniff_sound(whole[:at]) is None


def test_a_file_is_a_picture_or_a_sound_and_not_both() -> None:
    for data in (WAV, FLAC):
        assert begins_like_sound(data)
        assert sniff(data) is None
    assert not begins_like_sound(REFUSED["a WebP"])
