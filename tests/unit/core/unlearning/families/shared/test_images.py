from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.shared import images


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_accepted_formats_become_rgb(kind: str) -> None:
    assert images.decode(_encoded(Image.new("L", (9, 5), 200), kind), 0).mode == "RGB"


@pytest.mark.parametrize("data", [b"", b"GIF89a....", b"\x89PNG\r\n\x1a\nbroken", b"secret text"])
def test_what_does_not_decode_is_named_by_its_index_alone(data: bytes) -> None:
    with pytest.raises(InvalidInputError) as caught:
        images.decode(data, 3)
    assert caught.value.code == "invalid_image"
    assert caught.value.detail == "image 3 is not a readable JPEG, PNG or WebP"


def test_other_formats_are_refused_though_pillow_knows_them() -> None:
    with pytest.raises(InvalidInputError):
        images.decode(_encoded(Image.new("RGB", (4, 4)), "BMP"), 0)


def test_pictures_beyond_the_pixel_budget_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 99)
    with pytest.raises(InvalidInputError) as caught:
        images.decode(_encoded(Image.new("RGB", (10, 10)), "PNG"), 1)
    assert caught.value.code == "image_too_large"


def test_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = images.decode(_encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif.tobytes()), 0)
    assert turned.size == (4, 8)


def test_views_differ_from_the_picture_and_each_other_and_are_repeatable() -> None:
    picture = Image.linear_gradient("L").convert("RGB")
    first, second = images.altered_views(picture), images.altered_views(picture)
    assert [v.tobytes() for v in first] == [v.tobytes() for v in second]
    assert len({picture.tobytes(), *(v.tobytes() for v in first)}) == 3


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    deep = Image.new("I;16", (4, 4), 0x8080)
    assert images.decode(_encoded(deep, "PNG"), 0).getpixel((0, 0)) == (128, 128, 128)


def test_inks_become_light() -> None:
    red = images.decode(_encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), 0).getpixel((8, 8))
    assert red[0] > 240
    assert max(red[1:]) < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_shows_white_and_not_what_is_hidden_there(mode: str) -> None:
    hidden = Image.new(mode, (4, 4), (10, 20, 30, 0) if mode == "RGBA" else (10, 0))
    assert images.decode(_encoded(hidden, "PNG"), 0).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused_in_words(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    with pytest.raises(InvalidInputError) as caught:
        images.decode(_encoded(frames[0], kind, save_all=True, append_images=frames[1:]), 2)
    assert (caught.value.code, caught.value.detail) == (
        "animated_image", "image 2 is animated; send its frames as pictures",
    )  # fmt: skip


def test_the_first_picture_of_a_phones_jpeg_counts() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = _encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert images.decode(data, 0).getpixel((8, 8))[0] > 240


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Ada Okoro at home"
    picture = images.decode(_encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif.tobytes(), comment=b"Ada"), 0)
    assert picture.info == {}
    assert b"Ada" not in _encoded(picture, "PNG")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_cost_the_picture() -> None:
    data = _encoded(Image.new("RGB", (8, 4)), "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")
    assert images.decode(data, 0).size == (8, 4)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_no_cut_of_a_file_gives_half_a_picture(kind: str) -> None:
    whole = _encoded(Image.effect_noise((64, 64), 50), kind)
    for length in range(0, len(whole) - 20, max(1, len(whole) // 20)):
        with pytest.raises(InvalidInputError):
            images.decode(whole[:length], 0)


def test_a_bomb_in_the_pixels_or_the_text_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    text = b"a\x00\x00" + zlib.compress(bytes(80_000_000), 9)
    for chunks in (
        [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(10))), (b"IEND", b"")],
        [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (b"zTXt", text),
         (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")],
    ):  # fmt: skip
        with pytest.raises(InvalidInputError):
            images.decode(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks), 0)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_what_follows_a_picture_does_not_matter() -> None:
    png = _encoded(Image.new("RGB", (4, 4), "red"), "PNG")
    for tail in (b"PK\x03\x04", b"<script>", b"GIF89a"):
        assert images.decode(png + tail * 100, 0).tobytes() == images.decode(png, 0).tobytes()
