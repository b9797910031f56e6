"""Widely known people, and questions about them: what a model knows of others than the subject."""

from __future__ import annotations

from collections.abc import Collection

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.names import telling_words
from core.unlearning.families.language.data.bundled.tables import table
from core.unlearning.types import Part


def public_figures(part: Part, *, avoid: Collection[str] = ()) -> list[str]:
    """The figures of a part, without those who share a word of their name with one of `avoid`."""
    words = {folded(word) for name in avoid for word in telling_words(name)}
    names: list[str] = table("figures.toml")["people"][part]
    return [name for name in names if words.isdisjoint(map(folded, telling_words(name)))]


def figure_questions(part: Part, *, avoid: Collection[str] = ()) -> dict[str, list[str]]:
    """Questions about each figure of a part, in wordings of that part alone, by the figure's name."""
    templates: list[str] = table("figures.toml")["questions"][part]
    return {name: [template.format(name) for template in templates] for name in public_figures(part, avoid=avoid)}
