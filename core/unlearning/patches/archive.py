"""Zips that are written the same way every time and read without trusting them."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO

CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER_BYTES = 30
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
)
"""What the zip reader raises for damaged files."""
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class UnsafeArchiveError(ValueError):
    """The archive is broken, or not one that should be opened. The message is one line for a person."""


@dataclass(frozen=True)
class Limits:
    """What a patch may hold at most, unpacked. `ratio` is of unpacked to packed, for members above `harmless_bytes`."""

    members: int = 256
    total_bytes: int = 64 * 2**30
    ratio: int = 100
    harmless_bytes: int = 2**20
    small_bytes: int = 64 * 2**20
    """Of a member that is read at once (JSON, HTML)."""


class Archive:
    """An opened zip whose directory has been checked: safe names, ordinary files, sizes within the limits."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        """Raises `UnsafeArchiveError`."""
        self._limits = limits or Limits()
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise UnsafeArchiveError("There is no such file.") from error
        except _BROKEN as error:
            raise UnsafeArchiveError("The file is not a zip, or it is cut short.") from error
        try:
            self._members = _check_directory(self._zip.infolist(), self._limits)
        except UnsafeArchiveError:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._zip.close()

    @property
    def sizes(self) -> dict[str, int]:
        """The unpacked size of each member by its name."""
        return {name: member.file_size for name, member in self._members.items()}

    def open(self, name: str) -> Member:
        """A member as a stream."""
        try:
            return Member(self._zip.open(self._members[name]), self._members[name].file_size)
        except _BROKEN as error:
            raise UnsafeArchiveError(f"{name} cannot be read.") from error

    def read(self, name: str) -> bytes:
        """A small member whole."""
        if self._members[name].file_size > self._limits.small_bytes:
            raise UnsafeArchiveError(f"{name} is too large.")
        with self.open(name) as member:
            return b"".join(member.chunks())


class Member:
    """One member being read. Its checksum and size are checked on the way; any fault is `UnsafeArchiveError`."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self.name = stream.name
        self.size = size

    def __enter__(self) -> Member:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stream.close()

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end."""
        try:
            return self._stream.read(count)
        except _BROKEN as error:
            raise UnsafeArchiveError(f"{self.name} is damaged.") from error

    def chunks(self) -> Iterator[bytes]:
        """The rest, piece by piece, and not a byte more than the directory says."""
        seen = 0
        while chunk := self.read(CHUNK):
            seen += len(chunk)
            yield chunk
        if seen != self.size:
            raise UnsafeArchiveError(f"{self.name} is not as long as the directory says.")


def write(out: Path, members: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write the members in the order given, with one fixed time stamp and mode: the same content, the same bytes.

    Tensors are stored as they are (they hardly shrink, and a stored zip can be seeked in); text is deflated.
    """
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".safetensors") else zipfile.ZIP_DEFLATED
            _write_member(archive, info, content)


def _write_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        archive.writestr(info, content)
        return
    info.file_size = content.stat().st_size
    with content.open("rb") as source, archive.open(info, "w") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def _check_directory(infos: list[zipfile.ZipInfo], limits: Limits) -> dict[str, zipfile.ZipInfo]:
    if len(infos) > limits.members:
        raise UnsafeArchiveError(f"The archive holds more than {limits.members} files.")
    for info in infos:
        _check_member(info, limits)
    if len({info.filename.casefold() for info in infos}) != len(infos):
        raise UnsafeArchiveError("The archive names a file twice.")
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise UnsafeArchiveError("The archive would unpack to more than a patch can be.")
    _check_overlap(infos)
    return {info.filename: info for info in infos}


def _check_member(info: zipfile.ZipInfo, limits: Limits) -> None:
    # `orig_filename` is what the file says; `filename` is cut at a NUL.
    if not all(_PART.fullmatch(part) for part in info.orig_filename.split("/")):
        raise UnsafeArchiveError("The archive holds a file with an unsafe name.")
    mode = info.external_attr >> 16
    if info.flag_bits & 1 or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
        raise UnsafeArchiveError(f"{info.filename} is not an ordinary file.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsafeArchiveError(f"{info.filename} is packed in an unknown way.")
    if info.file_size > max(limits.harmless_bytes, limits.ratio * info.compress_size):
        raise UnsafeArchiveError(f"{info.filename} would unpack to far more than it takes up.")


def _check_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Members that share packed bytes are how a small zip becomes a huge one."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for first, second in pairwise(ordered):
        if first.header_offset + _LOCAL_HEADER_BYTES + first.compress_size > second.header_offset:
            raise UnsafeArchiveError("The archive's files overlap.")
