"""Reads request bodies: strict JSON, and multipart without temporary files."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_DEPTH = 32
"""Of JSON. A job request needs four."""
MAX_INTEGER = 2**63

_Model = TypeVar("_Model", bound=BaseModel)


class _InMemoryParser(MultiPartParser):
    """Keeps parts in memory, which `BodyLimit` bounds: the subject's pictures are never in a plain temporary file."""

    spool_max_size = 0


def media_type(headers: Headers) -> str:
    """The body's media type, in lower case and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(headers: Headers) -> bool:
    """Whether the media type is JSON."""
    kind = media_type(headers)
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def parse_json(data: bytes | str) -> Any:
    """Parse JSON that all parsers read alike (RFC 8259, RFC 7493). Raises 400 for anything else.

    Refused are: `NaN` and numbers that no float or 64-bit integer holds, a name that comes twice in one object,
    nesting beyond `MAX_DEPTH`, bytes that are not UTF-8.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        parsed = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError):
        raise HTTPException(400, "The request is not valid JSON.") from None
    if _depth_exceeds(parsed, MAX_DEPTH):
        raise HTTPException(400, f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    return parsed


def validated(model: type[_Model], data: Any) -> _Model:
    """Validate `data` as `model`. Raises 422 with a pointer to each fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in faults]) from None


async def read_multipart(request: Request, *, max_files: int, max_field_bytes: int) -> FormData:
    """The form of a multipart request. Raises 400 for a broken one, 413 for too many or too large parts."""
    parser = _InMemoryParser(
        request.headers, request.stream(), max_files=max_files, max_fields=20, max_part_size=max_field_bytes
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        too_much = error.message.startswith(("Too many", "Part exceeded"))
        raise HTTPException(413 if too_much else 400, error.message) from None


def unsupported(*expected: str) -> HTTPException:
    """A 415 that names the expected media types."""
    return HTTPException(415, f"Send the body as {' or '.join(expected)}.")


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise HTTPException(400, "A number in the JSON is out of range.")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20 or not -MAX_INTEGER <= int(text) < MAX_INTEGER:
        raise HTTPException(400, "A number in the JSON is out of range.")
    return int(text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise HTTPException(400, "A name in the JSON comes twice in the same object.")
    return members


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)
