"""Types for text, and for JSON with text, that are safe for databases and terminals."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that change the direction of the text around them."""


def composed(value: str) -> str:
    """Unicode normal form C: letters that can be encoded in two ways become the same."""
    return unicodedata.normalize("NFC", value)


def _storable(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("nul_byte", "Must not contain NUL characters.")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise PydanticCustomError("lone_surrogate", "Must not contain lone surrogates.")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "Must not be blank.")
    return value


def _printable(value: str) -> str:
    if any(letter in _BIDI or unicodedata.category(letter) == "Cc" for letter in value):
        raise PydanticCustomError("control_character", "Must not contain control characters.")
    return composed(value)


def _storable_json(value: dict[str, Any]) -> dict[str, Any]:
    for text in _texts(value):
        _storable(text)
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield name
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


Text = Annotated[str, AfterValidator(_storable)]
"""Any text without NUL characters and lone surrogates."""
Words = Annotated[Text, AfterValidator(_not_blank)]
"""Text that is not blank."""
Label = Annotated[Words, AfterValidator(_printable)]
"""Words that people read and compare: without control characters, in normal form C, so that equal looks are equal."""
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable_json)]
"""A JSON object whose texts can be stored."""
