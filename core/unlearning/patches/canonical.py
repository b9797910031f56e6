"""Canonical JSON (RFC 8785): one byte string per value, so that a signature survives parsing and writing again.

Limits: objects have string keys, integers are ones that every JSON parser reads as the same number (within ±2^53, or
a double in its shortest digits), numbers are finite and strings are valid Unicode; anything else is a `ValueError`.
`loads` refuses an object that names a key twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_EXACT_INTEGERS = 2**53


def dumps(value: Any) -> bytes:
    """The canonical UTF-8 encoding."""
    return _encode(value).encode("utf-8")


def loads(data: bytes) -> Any:
    """Parse JSON (canonical or not). Raises `ValueError` for anything that `dumps` could not have meant."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def _encode(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{_encode(value[key])}" for key in sorted(value, key=_order)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_encode, value)) + "]"
    raise ValueError(f"{type(value).__name__} is not a JSON type")


def _order(key: object) -> bytes:
    # RFC 8785, 3.2.3: by UTF-16 code units.
    return str(key).encode("utf-16-be")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError("an object key is not a string")
    return _encode(key)


def _integer(value: int) -> str:
    if abs(value) > _EXACT_INTEGERS and (abs(value) >= 10**21 or _number(float(value)) != str(value)):
        raise ValueError("an integer is too large for JSON")
    return str(value)


def _number(value: float) -> str:
    """ECMAScript's Number-to-String, which RFC 8785 prescribes: `repr` has the digits, only the layout differs."""
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    sign, digit_tuple, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    if digits == "0":
        return "0"
    point = len(digits) + int(exponent)
    return ("-" if sign else "") + _layout(digits, point)


def _layout(digits: str, point: int) -> str:
    """`0.digits x 10^point` as ECMAScript writes it."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object names a key twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
