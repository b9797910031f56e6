"""Writes the data set that is registered with the reference classifier: its training rows and the held-out ones.

`python -m core.unlearning.reference.audiovisual.retain_set` writes the one that comes with the package.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import soundfile
from PIL.Image import Image

from core.unlearning.families.audiovisual.counting import LIST
from core.unlearning.families.audiovisual.data.files import ARCHIVE
from core.unlearning.reference.audiovisual.rows import DigitRow, rows
from core.unlearning.types import Sound

_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""Timestamp of every file in the archive, so that the archive is reproducible."""


def write_retain_set(out: Path) -> Path:
    """Write `examples.jsonl` and `files.zip` with every row of the world."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_line(row), ensure_ascii=False) for row in rows()]
    (out / LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with zipfile.ZipFile(out / ARCHIVE, "w", zipfile.ZIP_STORED) as archive:
        for row in rows():
            archive.writestr(zipfile.ZipInfo(image_name(row), _TIMESTAMP), picture_file(row.image()))
            archive.writestr(zipfile.ZipInfo(sound_name(row), _TIMESTAMP), sound_file(row.sound()))
    return out


def _line(row: DigitRow) -> dict[str, str]:
    return {
        "id": row.id,
        "image": image_name(row),
        "audio": sound_name(row),
        "label": row.label,
        "subject": row.person.name,
        "part": row.part,
    }


def image_name(row: DigitRow) -> str:
    """The path of its picture in the data set."""
    return f"images/{row.id}.png"


def sound_name(row: DigitRow) -> str:
    """The path of its clip."""
    return f"audio/{row.id}.flac"


def picture_file(picture: Image) -> bytes:
    """The picture as PNG."""
    made = io.BytesIO()
    picture.save(made, "PNG", optimize=True)
    return made.getvalue()


def sound_file(sound: Sound) -> bytes:
    """The clip as FLAC of 8 bits, which is lossless for the clips of this world."""
    made = io.BytesIO()
    soundfile.write(made, sound.samples, sound.rate, format="FLAC", subtype="PCM_S8")
    return made.getvalue()


if __name__ == "__main__":
    write_retain_set(Path(__file__).parent / "data" / "retain_set")
