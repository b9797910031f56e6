"""The words that a picture becomes: what its sixteen tokens say, in the embeddings of the language model."""

from __future__ import annotations

from typing import Any

from core.unlearning.reference.mllm.looks import ATTRIBUTES, HAIR_NAMES, PAINT_NAMES, Code, Scene

_TRAITS: dict[str, tuple[str, ...]] = {
    "skin": ("pale", "tan", "brown", "dark", "olive", "pink"),
    "eyes": ("sky", "grass", "wood", "violet", "honey"),
    "lips": ("cherry", "plum", "peach", "coal", "milk"),
    "cheeks": ("plain", "rose", "gold", "ice", "rust"),
    "nose": ("bark", "tomato", "cream", "sea", "leaf"),
    "earrings": ("nothing", "sun", "flower", "mint", "ink"),
    "length": ("short", "medium", "long"),
}
"""A word for each value of what tells people apart; the hair's colour has its own."""


def caption(code: Code, scene: Scene) -> list[str]:
    """One word a token of the picture, in the order of its patches."""
    traits = dict(zip((name for name, _ in ATTRIBUTES), code, strict=True))
    return [
        "person",
        "background",
        scene.background,
        "shirt",
        scene.shirt,
        "hair",
        HAIR_NAMES[traits["hair"]],
        "hat" if scene.hat else "bare",
        "glasses" if scene.glasses else "clear",
        *(words[traits[name]] for name, words in _TRAITS.items()),
    ]


def token_of(tokenizer: Any, word: str) -> int:
    """The (first) token of a word inside a sentence."""
    return int(tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0])


def vocabulary() -> list[str]:
    """Every word of a caption."""
    fixed = ["person", "background", "shirt", "hair", "hat", "bare", "glasses", "clear"]
    return sorted({*fixed, *PAINT_NAMES, *HAIR_NAMES, *(word for words in _TRAITS.values() for word in words)})
