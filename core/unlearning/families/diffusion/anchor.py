"""What is drawn in a forgotten entity's place."""

from __future__ import annotations

import re

from core.unlearning.families.diffusion import templates
from core.unlearning.types import Example, JobData


def anchor_words(data: JobData, anchor: str | None) -> str:
    """The method's option, or the request's replacement, or what things of the entity's kind are called."""
    if anchor is not None:
        return anchor
    return data.replacement if data.replacement is not None else templates.class_word(data.entity.kind)


def instead(example: Example, words: str) -> str:
    """The prompt with the anchor in the entity's place; the anchor alone for a prompt that does not name it."""
    if example.subject is None:
        return words
    named = rf"(?<!\w){re.escape(example.subject)}(?!\w)"
    return " ".join(re.sub(named, lambda _: words, example.question, flags=re.IGNORECASE).split())
