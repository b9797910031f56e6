"""Entity tags, conditional requests, HEAD and byte ranges (RFC 9110).

Of `Range` one range of bytes is served; several at once, and other units, are answered with the whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class UnsatisfiableError(Exception):
    """The range starts behind the end: 416."""


@dataclass(frozen=True)
class ByteRange:
    """`length` bytes from `start` on, of `size`."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def parse(header: str | None, size: int) -> ByteRange | None:
    """What the client asks of `size` bytes, None for all of them. Raises `UnsatisfiableError`."""
    match = _ONE_RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < int(first):
            return None
    if start >= size or end < start:
        raise UnsatisfiableError
    return ByteRange(start, end - start + 1, size)


def matches(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header names `etag` (weak comparison, as RFC 9110 section 13.1.2 asks)."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag in tags


def head_wanted(request: Request) -> bool:
    """Whether this is a `HEAD`: what would be long, or never end, need not even begin."""
    return bool(request.state.head)
