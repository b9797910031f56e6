"""Find the registered rows that a request is about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PIL.Image import Image

from core.unlearning.families.audiovisual.data import audio
from core.unlearning.families.audiovisual.data.dataset import DataSetRow
from core.unlearning.families.shared import images
from core.unlearning.types import ForgetRequest, Sound


@dataclass(frozen=True)
class Match:
    """`rows`: numbers of the rows that are of the subject; `others`: pictures of the request that are none of them."""

    rows: frozenset[int]
    others: tuple[Image, ...]
    clips: int
    """Sounds of the request that are none of them."""


def match_rows(request: ForgetRequest, rows: Sequence[DataSetRow]) -> Match:
    """Rows under the entity's names, and those whose picture or sound is one of the request's, to the byte or sample.

    Raises `InvalidInputError` for files that do not decode.
    """
    pictures = [images.decode(data, index) for index, data in enumerate(request.images)]
    clips = [audio.decode(data, index) for index, data in enumerate(request.audio)]
    seen = _FileMatcher(request.images, [_pixels(each) for each in pictures])
    heard = _FileMatcher(request.audio, [_samples(each) for each in clips])
    found = {row.number for row in rows if _is_named(row, request)}
    seen.look(rows, DataSetRow.image_bytes, lambda row: _pixels(row.image()))
    heard.look(rows, DataSetRow.audio_bytes, lambda row: _samples(row.audio()))
    others = tuple(picture for picture, there in zip(pictures, seen.there, strict=True) if not there)
    return Match(frozenset(found | seen.rows | heard.rows), others, heard.there.count(False))


def _is_named(row: DataSetRow, request: ForgetRequest) -> bool:
    names = {name.casefold() for name in request.entity.names}
    called = row.label if request.entity.kind == "class" else row.subject
    return called is not None and called.casefold() in names


class _FileMatcher:
    """Files of a request, and where they are among the rows: first by their bytes, then by what they decode to."""

    def __init__(self, files: Sequence[bytes], contents: Sequence[str | None]) -> None:
        self.files, self.contents = [_digest(data) for data in files], contents
        self.there = [False] * len(files)
        self.rows: set[int] = set()

    def look(
        self,
        rows: Iterable[DataSetRow],
        read: Callable[[DataSetRow], bytes | None],
        decoded: Callable[[DataSetRow], str | None],
    ) -> None:
        """Note every row that has one of the files. Rows are decoded only for files that none has as it is."""
        if self.files:
            self._note(self.files, rows, lambda row: None if (data := read(row)) is None else _digest(data))
        if not all(self.there):
            self._note(self.contents, rows, decoded)

    def _note(
        self, wanted: Sequence[str | None], rows: Iterable[DataSetRow], key: Callable[[DataSetRow], str | None]
    ) -> None:
        for row in rows:
            found = key(row)
            for at, digest in enumerate(wanted):
                if found is not None and digest == found:
                    self.there[at] = True
                    self.rows.add(row.number)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pixels(picture: Image | None) -> str | None:
    if picture is None:
        return None
    plain = picture.convert("RGB")
    return _digest(repr(plain.size).encode() + plain.tobytes())


def _samples(clip: Sound | None) -> str | None:
    return None if clip is None else _digest(str(clip.rate).encode() + clip.samples.tobytes())
