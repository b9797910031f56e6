"""Downloads a file: verified by its digest, resumed after a broken connection, and written only when it is complete."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx

from client.errors import APIConnectionError, IntegrityError
from client.transport import Transport

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes received so far and the total (None where unknown)."""


def download(
    transport: Transport,
    path: str,
    target: Path,
    *,
    params: dict[str, Any] | None = None,
    sha256: str | None = None,
    on_bytes: OnBytes | None = None,
) -> str:
    """Write `path` to `target` and return its sha256 in hex.

    A broken connection is continued with a Range request while the server's ETag stays the same. The digest is compared
    with `sha256` and with the server's `Repr-Digest` before the file gets its name; `IntegrityError` otherwise.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w+b") as out:
            digest, server_digest = _fetch(transport, path, params or {}, out, on_bytes)
        for expected in (sha256, server_digest):
            if expected is not None and expected != digest:
                raise IntegrityError(
                    f"{target.name} arrived damaged: its sha256 is not the server's; download it again"
                )
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return digest


def _fetch(
    transport: Transport, path: str, params: dict[str, Any], out: IO[bytes], on_bytes: OnBytes | None
) -> tuple[str, str | None]:
    digest, server_digest, etag, attempt = hashlib.sha256(), None, None, 0
    while True:
        headers = {"Accept-Encoding": "identity"}
        if etag and out.tell():
            headers |= {"Range": f"bytes={out.tell()}-", "If-Range": etag}
        try:
            with transport.stream(path, params=params, headers=headers) as response:
                if response.status_code != 206 and out.tell():
                    out.seek(0)
                    out.truncate()
                    digest = hashlib.sha256()
                etag = response.headers.get("etag")
                server_digest = _repr_digest(response) or server_digest
                total = _total(response, out.tell())
                for chunk in response.iter_bytes():
                    out.write(chunk)
                    digest.update(chunk)
                    if on_bytes is not None:
                        on_bytes(out.tell(), total)
            return digest.hexdigest(), server_digest
        except APIConnectionError:
            if attempt >= transport.retry.max_retries:
                raise
            transport.sleep(transport.retry.delay(attempt, {}))
            attempt += 1


def _total(response: httpx.Response, start: int) -> int | None:
    length = response.headers.get("content-length")
    return start + int(length) if length is not None else None


def _repr_digest(response: httpx.Response) -> str | None:
    """RFC 9530: `sha-256=:<base64>:`."""
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", response.headers.get("repr-digest", ""))
    return base64.b64decode(found[1]).hex() if found else None
