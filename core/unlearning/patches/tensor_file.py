"""safetensors files without torch: read a header from any stream, write tensors one by one.

The published library can neither read from a stream (a member of a zip) nor write a file larger than memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

MAX_HEADER_BYTES = 100_000_000
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class TensorFileError(ValueError):
    """The file is not a well-formed safetensors file. The message is one line for a person."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file. `start` and `end` count bytes from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def numel(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of the data."""
        return self.end - self.start


def read_header(stream: BinaryIO, size: int) -> list[TensorEntry]:
    """The tensors in the order of their data; the stream is left at the first byte of it. `size`: of the whole file.

    Raises `TensorFileError` unless the data is exactly the tensors, without gaps.
    """
    length = int.from_bytes(_exactly(stream, 8), "little")
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise TensorFileError("the header is longer than the file")
    try:
        header = json.loads(_exactly(stream, length))
        header.pop("__metadata__", None)
        entries = sorted((_entry(name, spec) for name, spec in header.items()), key=lambda e: (e.start, e.end))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TensorFileError("the header cannot be read") from error
    _check_layout(entries, size - 8 - length)
    return entries


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise TensorFileError("the file is cut short")
    return data


def _entry(name: str, spec: dict[str, object]) -> TensorEntry:
    shape, offsets, dtype = spec["shape"], spec["data_offsets"], spec["dtype"]
    if not isinstance(shape, list) or not isinstance(offsets, list) or not isinstance(dtype, str):
        raise TypeError(name)
    if any(type(number) is not int or number < 0 for number in (*shape, *offsets)):
        raise ValueError(name)
    start, end = offsets
    return TensorEntry(name, dtype, tuple(shape), start, end)


def _check_layout(entries: Sequence[TensorEntry], data_bytes: int) -> None:
    position = 0
    for entry in entries:
        item = ITEM_BYTES.get(entry.dtype)
        if entry.start != position or (item is not None and entry.nbytes != entry.numel * item):
            raise TensorFileError(f"the data of {entry.name} does not fit its header")
        position = entry.end
    if position != data_bytes:
        raise TensorFileError("the data is longer or shorter than its header says")


class TensorWriter:
    """Writes a safetensors file whose tensors are declared first and then given one at a time, in that order."""

    def __init__(self, path: Path, tensors: Sequence[tuple[str, str, tuple[int, ...]]]) -> None:
        """`tensors`: (name, dtype as in the format, shape)."""
        self._names = iter([name for name, _, _ in tensors])
        self._sizes = {name: math.prod(shape) * ITEM_BYTES[dtype] for name, dtype, shape in tensors}
        self._path = path
        self._header = _header(tensors, self._sizes)

    def __enter__(self) -> TensorWriter:
        self._stream = self._path.open("wb")
        self._stream.write(len(self._header).to_bytes(8, "little") + self._header)
        return self

    def write(self, name: str, data: bytes) -> None:
        """Raises `ValueError` when the tensor is not the next one, or not of its declared size."""
        if name != next(self._names, None) or len(data) != self._sizes[name]:
            raise ValueError(f"{name} is not the tensor that was declared")
        self._stream.write(data)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.close()
        if kind is not None:
            self._path.unlink()
        elif next(self._names, None) is not None:
            self._path.unlink()
            raise ValueError("a declared tensor was not written")


def _header(tensors: Sequence[tuple[str, str, tuple[int, ...]]], sizes: dict[str, int]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, dtype, shape in tensors:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + sizes[name]]}
        position += sizes[name]
    text = json.dumps(header, separators=(",", ":")).encode()
    # The data must start at a multiple of eight bytes.
    return text + b" " * (-len(text) % 8)
