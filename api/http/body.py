"""Reading request bodies: JSON that cannot surprise, multipart that never touches a disk."""

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
    """The subject's pictures must not be spooled to a temporary file in the clear; the body limit bounds the memory."""

    spool_max_size = 0


def media_type(headers: Headers) -> str:
    """The body's media type, in lower case and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(headers: Headers) -> bool:
    """Whether the body says that it is JSON."""
    kind = media_type(headers)
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def parse_json(data: bytes | str) -> Any:
    """JSON that every parser reads alike (RFC 8259, RFC 7493). Raises 400 for anything else.

    Refused are: `NaN` and numbers that no float or 64-bit integer holds, a name that comes twice in one object,
    nesting beyond `MAX_DEPTH`, bytes that are not UTF-8.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        found = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_distinct,
        )
    except (ValueError, RecursionError):
        raise HTTPException(400, "The request is not valid JSON.") from None
    if _depth_exceeds(found, MAX_DEPTH):
        raise HTTPException(400, f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    return found


def validated(model: type[_Model], data: Any) -> _Model:
    """`data` as `model`. Raises 422 with a pointer to each fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in found]) from None


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
    """415, naming what would do."""
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
    found = dict(pairs)
    if len(found) != len(pairs):
        raise HTTPException(400, "A name in the JSON comes twice in the same object.")
    return found


def _depth_exceeds(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)
