"""Which pictures are accepted."""

from __future__ import annotations

from core.service.errors import FieldError, InvalidRequest, ServiceError, TooLarge, UnsupportedMedia
from core.service.files.sniff import ImageInfo, sniff
from core.service.settings import Settings


def inspect_image(data: bytes, settings: Settings, pointer: str) -> ImageInfo:
    """The header of a picture. Raises `TooLarge`, `UnsupportedMedia`, `InvalidRequest`, each with `pointer`."""
    if len(data) > settings.max_image_bytes:
        raise _fault(TooLarge, pointer, "image_too_large", f"At most {settings.max_image_bytes} bytes an image.")
    info = sniff(data)
    if info is None:
        raise _fault(UnsupportedMedia, pointer, "unsupported_image", "Not a JPEG, PNG or WebP image.")
    if info.animated:
        raise InvalidRequest.one(pointer, "animated_image", "Send the frames of an animation as pictures.")
    if info.width * info.height > settings.max_image_pixels:
        detail = f"At most {settings.max_image_pixels} pixels an image."
        raise InvalidRequest.one(pointer, "too_many_pixels", detail)
    return info


def _fault(kind: type[ServiceError], pointer: str, code: str, detail: str) -> ServiceError:
    return kind(detail, code=code, errors=[FieldError(pointer, code, detail)])
