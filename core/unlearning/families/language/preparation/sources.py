"""What a retain set is prepared from: a folder of ordinary pictures, and a list of names."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.shared.images import decode

IMAGES = "images"
_LARGEST_SIDE = 1024
"""Pixels. Larger pictures are made smaller: few models look at more, and a job holds all of them at once."""


@dataclass(frozen=True)
class Picture:
    """A picture in the prepared folder. Pictures of one `group` show the same person or thing."""

    file: str
    group: str
    image: Image.Image = field(repr=False)


@dataclass(frozen=True)
class Listed:
    """Somebody from the list, with questions of its own about them."""

    name: str
    questions: tuple[str, ...] = ()


def read_names(path: Path) -> list[Listed]:
    """One person a line: the name, and after it questions, all separated by tabs. Raises `InvalidInputError`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        raise InvalidInputError(f"{path.name} is not a readable text file in UTF-8", code="invalid_names") from None
    found: dict[str, Listed] = {}
    for line in lines:
        name, *questions = (" ".join(part.split()) for part in line.split("\t"))
        if name:
            found.setdefault(name.casefold(), Listed(name, tuple(question for question in questions if question)))
    return list(found.values())


def picture_files(folder: Path) -> list[Path]:
    """Every file below the folder that is not hidden, in order. Raises `InvalidInputError`."""
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is not a folder", code="invalid_pictures")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def import_picture(path: Path, folder: Path, out: Path) -> Picture:
    """The picture, saved in `out` without metadata and no larger than needed. Raises `InvalidInputError`.

    Pictures directly in `folder` are each of a group of their own, all others of the folder that they are in.
    """
    data, name = path.read_bytes(), path.relative_to(folder).as_posix()
    file = f"{IMAGES}/{hashlib.sha256(data).hexdigest()[:20]}.png"
    group = name if path.parent == folder else path.parent.relative_to(folder).as_posix()
    if not (out / file).is_file():
        image = _decode(data, name)
        image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
        write_whole(out / file, _png(image))
    return Picture(file, group, _decode((out / file).read_bytes(), name))


def unique_pictures(pictures: list[Picture]) -> Iterator[Picture]:
    """Each picture once, wherever it also lies: it must not come into two parts."""
    seen = set[str]()
    for picture in pictures:
        if picture.file not in seen:
            seen.add(picture.file)
            yield picture


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)


def _decode(data: bytes, name: str) -> Image.Image:
    try:
        return decode(data, 0)
    except InvalidInputError as error:
        raise InvalidInputError(error.detail.replace("image 0", name, 1), code=error.code) from None


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
