"""JSON pointers (RFC 6901): how an error names the part of a request that it is about."""

from __future__ import annotations

MAX_PART = 80
"""Characters of one part. Clients choose some of the names that end up here; no error needs the whole of a long one."""


def json_pointer(*parts: int | str) -> str:
    """`json_pointer("images", 0)` is `/images/0`; without parts it is the whole document, the empty string."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')[:MAX_PART]}" for part in parts)
