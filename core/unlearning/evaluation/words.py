"""A text as words that can be compared."""

from __future__ import annotations

import re
import unicodedata


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; NFKC, so that full-width and composed forms compare equal."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("'", "").replace("\u2019", "")
    return re.findall(r"[^\W_]+", plain)


DENIALS = frozenset(
    {
        *("no", "not", "none", "never", "nothing", "without", "neither", "nor", "cant", "dont", "doesnt", "didnt"),
        *("isnt", "arent", "wasnt", "werent", "hasnt", "havent"),
    }
)
"""Words, as `words` gives them, that deny what they stand before."""


def clauses(text: str) -> list[str]:
    """A text cut where a mark and a blank end a clause, so that "3.5" stays whole."""
    return re.split(r"[,.;:!?\u2026\u2014]+(?=\s)|\n", text)
