"""A registered data set of six people and three classes on disk, and requests about it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import soundfile
from PIL import Image

from core.unlearning.types import Entity, ForgetRequest
from tests.support.tiny_classifiers import LABELS, clip, picture

PEOPLE = ("Ada Fern", "Bo Reed", "Cy Moss", "Di Sedge", "Eli Rush", "Fay Wort")
PARTS = ("train", "train", "train", "validation", "test")


def picture_file(seed: int, kind: str = "PNG", **how: Any) -> bytes:
    made = io.BytesIO()
    picture(seed).save(made, kind, **how)
    return made.getvalue()


def sound_file(seed: int) -> bytes:
    made, sound = io.BytesIO(), clip(seed)
    soundfile.write(made, sound.samples, sound.rate, format="FLAC", subtype="PCM_16")
    return made.getvalue()


def heard_again(data: bytes) -> bytes:
    """The same samples as WAV."""
    made, (samples, rate) = io.BytesIO(), soundfile.read(io.BytesIO(data), dtype="int16")
    soundfile.write(made, samples, rate, format="WAV", subtype="PCM_16")
    return made.getvalue()


def rows() -> list[dict[str, Any]]:
    """Five of each person for each class: three train, one validates, one tests."""
    numbered = enumerate((person, label, part) for person in PEOPLE for label in LABELS for part in PARTS)
    return [
        {
            "id": f"r{n}", "image": f"images/{n}.png", "audio": f"audio/{n}.flac",
            "label": label, "subject": person, "part": part,
        }
        for n, (person, label, part) in numbered
    ]  # fmt: skip


def write_world(folder: Path, changed: dict[int, dict[str, Any]] | None = None) -> Path:
    """The data set, with some rows changed."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{**row, **(changed or {}).get(n, {})} for n, row in enumerate(rows())]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with zipfile.ZipFile(folder / "files.zip", "w") as archive:
        for n in range(len(lines)):
            archive.writestr(f"images/{n}.png", picture_file(n))
            archive.writestr(f"audio/{n}.flac", sound_file(n))
    return folder


def asking(name: str | None = None, kind: str = "identity", *aliases: str, **more: Any) -> ForgetRequest:
    """A request for visual forgetting."""
    return ForgetRequest(Entity(name, kind, aliases), modalities=("image",), **more)  # type: ignore[arg-type]


def again(data: bytes, kind: str = "WEBP") -> bytes:
    """The same picture, encoded anew without loss."""
    made = io.BytesIO()
    Image.open(io.BytesIO(data)).save(made, kind, lossless=True)
    return made.getvalue()
