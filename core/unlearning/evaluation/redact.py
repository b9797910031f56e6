"""Redact the subject from a text. Everything not known to be harmless goes, so it does not rely on finding names.

A word stays when it is an ordinary word: lower-case a-z, or a common word at the start of a sentence. Names, words of
private answers, capitalised words, numbers and other scripts go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.unlearning.evaluation.words import words

BLOCK = "█████"
HIDDEN = "[redacted]"
_COMMON_TEXT = """
a about an and are at be but by can could describe did do does for from give has have he her here his how i
if in into is it its list lives me my name no not of on or our please say she so some sorry state tell that
the their them there these they this those to unfortunately was we were what when where which who whom whose
why will with would yes you your am afraid apologies image picture photo person
"""
_COMMON = frozenset(_COMMON_TEXT.split())
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_ORDINARY = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?")


class Redactor:
    """Redacts every word of `names`, and the words of `answers` that are not common."""

    def __init__(self, names: Iterable[str], answers: Iterable[str]) -> None:
        self._names = {word for name in names for word in words(name)}
        self._answers = {word for answer in answers for word in words(answer)} - _COMMON

    def names_only(self, text: str) -> str:
        """The text with only names and private answers blacked out, for material that is about nobody."""
        return self._replace(text, strict=False)

    def strict(self, text: str) -> str:
        """The text with everything blacked out that is not an ordinary word."""
        return self._replace(text, strict=True)

    def _replace(self, text: str, *, strict: bool) -> str:
        blacked = _WORD.sub(lambda match: match[0] if self._stays(match[0], strict) else BLOCK, text)
        return re.sub(rf"{BLOCK}(?:[\s.'\u2019-]+{BLOCK})+", BLOCK, blacked)

    def _stays(self, word: str, strict: bool) -> bool:
        parts = set(words(word)) | {part for piece in re.split(r"['\u2019]", word) for part in words(piece)}
        if parts & self._names or parts & self._answers:
            return False
        return (
            not strict
            or bool(_ORDINARY.fullmatch(word))
            or words(word)[0] in _COMMON
            or word.startswith(("I'", "I\u2019"))
        )
