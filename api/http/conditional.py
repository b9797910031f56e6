"""Conditional requests, `HEAD` and byte ranges (RFC 9110).

A `Range` header with one range of bytes is served. For several ranges, and for other units, the answer is the whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class UnsatisfiableRangeError(Exception):
    """The range starts after the end of the content: 416."""


@dataclass(frozen=True)
class ByteRange:
    """`length` bytes from `start`, of `size` in all."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


def is_head(request: Request) -> bool:
    """Whether this is a `HEAD`, for which a long or endless content need not be produced."""
    return bool(request.state.head)


def matches(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header names `etag` (weak comparison, RFC 9110 section 13.1.2)."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag in tags


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The part of `size` bytes that a `Range` header asks for; None: the whole. Raises `UnsatisfiableRangeError`."""
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
        raise UnsatisfiableRangeError
    return ByteRange(start, end - start + 1, size)
