"""The anchor: the words that replace a forgotten entity in prompts."""

from __future__ import annotations

import re
from typing import Any

from core.unlearning.families.diffusion import wordings
from core.unlearning.types import Example, JobData

_NEIGHBOURS = 4
_ARTICLE = "(?:an?|the) "


def anchor_words(tokenizer: Any, data: JobData, anchor: str | None) -> tuple[str, ...]:
    """The method's option, else the request's replacement, else the general word for the entity's kind.

    Where the tokenizer has no token for that word, up to four retained concepts of the kind, so that no single one of
    them replaces the entity.
    """
    given = anchor if anchor is not None else data.replacement
    if given is not None:
        return (given,)
    kind = wordings.class_word(data.entity.kind)
    kept = tuple(dict.fromkeys(e.answer for e in data.train if e.split == "retain_same" and e.answer))
    return kept[:_NEIGHBOURS] if kept and not _is_known(tokenizer, kind) else (kind,)


def _is_known(tokenizer: Any, words: str) -> bool:
    """Whether each word is one token."""
    return len(tokenizer(words, add_special_tokens=False)["input_ids"]) == len(words.split())


def with_anchor(example: Example, words: str) -> str:
    """The prompt with the anchor in the entity's place; the anchor alone for a prompt that does not name it."""
    if example.subject is None:
        return words
    named, fit = rf"(?<!\w){re.escape(example.subject)}(?!\w)", fit_article(example, words)
    return " ".join(re.sub(named, lambda _: fit, example.question, flags=re.IGNORECASE).split())


def fit_article(example: Example, words: str) -> str:
    """The anchor without its article where the entity's name has one."""
    if example.subject is None:
        return words
    after_one = rf"(?<!\w){_ARTICLE}{re.escape(example.subject)}(?!\w)"
    has_one = re.search(after_one, example.question, flags=re.IGNORECASE)
    return re.sub(f"^{_ARTICLE}", "", words) if has_one else words
