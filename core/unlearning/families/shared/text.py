"""Text from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable


def clean(text: str, control_tokens: Iterable[str] = ()) -> str:
    """One line, without the model's control tokens: a prompt must not be able to open a picture or end a turn."""
    for token in control_tokens:
        text = text.replace(token, " ")
    return " ".join(text.split())


def mentions(question: str, names: Iterable[str]) -> str | None:
    """The longest of the names that the question contains as whole words."""
    for name in sorted(names, key=len, reverse=True):
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE):
            return name
    return None
