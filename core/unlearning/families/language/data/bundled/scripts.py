"""In which script a name is written, and whether in words."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import regex

_SCRIPTS = {
    script: regex.compile(rf"\p{{Script={script}}}")
    for script in (
        *("Latin", "Cyrillic", "Greek", "Armenian", "Georgian", "Hebrew", "Arabic", "Ethiopic", "Thai"),
        *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam"),
        *("Han", "Hiragana", "Katakana", "Hangul"),
    )
}
KANA = regex.compile(r"[\p{Script=Hiragana}\p{Script=Katakana}ー]")
DOTS = regex.compile(r"[·・•‧]")
"""What stands between the words of a transcribed name."""


@lru_cache(maxsize=65536)
def script_of(name: str) -> str:
    """The script of most of a name's letters, as Unicode calls it; empty for one that is not known."""
    letters = Counter(script for letter in name for script, pattern in _SCRIPTS.items() if pattern.match(letter))
    return letters.most_common(1)[0][0] if letters else ""
