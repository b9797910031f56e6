"""Hostile pictures over HTTP: told apart by their headers, never decoded by the API, never given back."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.support.api_server import Server, assert_problem, png, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data"), max_image_pixels=1_000_000, max_image_bytes=100_000) as running:
        yield running


def encoded(kind: str, *frames: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {}
    frames[0].save(stream, kind, **more, **options)
    return stream.getvalue()


def head(width: int, height: int, kind: bytes = b"IHDR") -> bytes:
    data = kind + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))


FRAMES = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
REFUSED = {
    "nothing": (b"", 415, "unsupported_image"),
    "a GIF": (encoded("GIF", *FRAMES), 415, "unsupported_image"),
    "a page": (b"<!doctype html><script>alert(1)</script>", 415, "unsupported_image"),
    "a drawing with scripts": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", 415, "unsupported_image"),
    "a zip": (b"PK\x03\x04" + bytes(100), 415, "unsupported_image"),
    "a picture inside another file": (b"%PDF-1.4 " + png(), 415, "unsupported_image"),
    "a cut header": (png()[:20], 415, "unsupported_image"),
    "another first chunk": (head(4, 4, b"tEXt"), 415, "unsupported_image"),
    "no width": (head(0, 8), 415, "unsupported_image"),
    "no height": (head(8, 0), 415, "unsupported_image"),
    "a bomb": (head(2**31 - 1, 2**31 - 1), 422, "too_many_pixels"),
    "a long bomb": (head(1, 1_000_001), 422, "too_many_pixels"),
    "too many bytes": (png() + bytes(100_000), 413, "image_too_large"),
    "an animated PNG": (encoded("PNG", *FRAMES), 422, "animated_image"),
    "an animated WebP": (encoded("WEBP", *FRAMES), 422, "animated_image"),
    "a JPEG without a frame": (b"\xff\xd8\xff\xe0\x00\x10" + bytes(14) + b"\xff\xda", 415, "unsupported_image"),
    "a JPEG that goes on for ever": (b"\xff\xd8" + b"\xff" * 5000, 415, "unsupported_image"),
}
TAKEN = {
    "16 bits": encoded("PNG", Image.new("I;16", (4, 4), 40_000)),
    "inks": encoded("JPEG", Image.new("CMYK", (8, 8))),
    "a palette": encoded("PNG", Image.new("P", (4, 4))),
    "transparency": encoded("WEBP", Image.new("RGBA", (4, 4)), lossless=True),
    "a phone's picture": encoded("MPO", *FRAMES),
    "a polyglot": png() + b"PK\x03\x04<script>alert(1)</script>",
    "one pixel": encoded("PNG", Image.new("L", (1, 1))),
}


@pytest.mark.parametrize(("content", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_pictures_that_are_refused(server: Server, content: bytes, status: int, code: str) -> None:
    answer = server.client.post("/v1/files", data={"purpose": "forget"}, files={"file": ("a.png", content)})
    body = assert_problem(answer, status, code)
    assert [error["pointer"] for error in body["errors"]] == ["/file"]
    assert not list(server.services.storage.list("files/"))


@pytest.mark.parametrize("content", TAKEN.values(), ids=TAKEN)
def test_pictures_that_are_taken_and_never_given_back(server: Server, content: bytes) -> None:
    answer = server.client.post("/v1/files", data={"purpose": "forget"}, files={"file": ("a.png", content)})
    assert answer.status_code == 201, answer.text
    path = f"/v1/files/{answer.json()['id']}"
    shown = server.client.get(path, headers={"Accept": "image/*, text/html"})
    assert shown.headers["content-type"] == "application/json"
    for stored in server.services.storage.list("files/"):
        assert content[:16] not in server.services.storage.read(stored)
    assert server.client.delete(path).status_code == 204
