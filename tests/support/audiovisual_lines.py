"""A data set of three pictures and clips, whose lines a test writes as right or as wrong as it likes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from tests.support.tiny_classifiers import LABELS, clip, picture


def sound_file(seed: int = 0, **how: Any) -> bytes:
    made = io.BytesIO()
    sound = clip(seed)
    soundfile.write(made, sound.samples, sound.rate, **{"format": "FLAC", "subtype": "PCM_16", **how})
    return made.getvalue()


def picture_file(seed: int = 0) -> bytes:
    made = io.BytesIO()
    picture(seed).save(made, "PNG")
    return made.getvalue()


def line(number: int = 0, **changed: object) -> dict[str, object]:
    return {
        "id": f"r{number}", "image": f"images/{number}.png", "audio": f"audio/{number}.flac",
        "label": LABELS[number % 3], "subject": "Ada Fern", "part": "train", **changed,
    }  # fmt: skip


def in_folder(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def in_archive(folder: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "files.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


Put = Callable[[Path, dict[str, bytes]], None]


def write(folder: Path, lines: list[Any], put: Put = in_folder) -> Path:
    folder.mkdir(exist_ok=True)
    text = "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in lines)
    (folder / "examples.jsonl").write_text(text)
    files = {f"images/{at}.png": picture_file(at) for at in range(3)}
    put(folder, files | {f"audio/{at}.flac": sound_file(at) for at in range(3)})
    return folder
