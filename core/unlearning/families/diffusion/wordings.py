"""Prompts that draw an entity, by its kind, and what things of its kind are called. No wording serves two parts."""

from __future__ import annotations

from core.unlearning.types import EntityKind, Part

_THING: dict[Part, tuple[str, ...]] = {
    "train": (
        "{}",
        "a photo of {}",
        "a picture of {}",
        "an image of {}",
        "a drawing of {}",
        "a close-up of {}",
        "{} on a plain background",
        "a large {}",
    ),
    "validation": ("a rendering of {}", "a view of {}", "one {} in the middle"),
    "test": ("a photograph of {}", "an illustration of {}", "a scene with {}", "a small picture that shows {}"),
}
_PERSON: dict[Part, tuple[str, ...]] = {
    "train": (
        "{}",
        "a photo of {}",
        "a portrait of {}",
        "a picture of {}",
        "an image of {}",
        "the face of {}",
        "{} smiling",
        "{} on a plain background",
    ),
    "validation": ("a close-up of {}", "a drawing of {}", "{} standing outside"),
    "test": ("a photograph of {}", "an illustration of {}", "{} in a room", "{} looking at the camera"),
}
_STYLE: dict[Part, tuple[str, ...]] = {
    "train": (
        "{}",
        "{} style",
        "a picture in the style of {}",
        "a painting in the style of {}",
        "an image in {} style",
        "a house in the style of {}",
        "a portrait in the style of {}",
        "art by {}",
    ),
    "validation": ("a tree in the style of {}", "a drawing in {} style", "a work of {}"),
    "test": ("a landscape in the style of {}", "an artwork in the style of {}", "a cat in {} style", "{} art"),
}
_BY_KIND: dict[EntityKind, dict[Part, tuple[str, ...]]] = {
    "identity": _PERSON,
    "object": _THING,
    "style": _STYLE,
    "concept": _THING,
    "class": _THING,
}
_CLASS: dict[EntityKind, str] = {
    "identity": "a person",
    "object": "a thing",
    "style": "a picture",
    "concept": "",
    "class": "a thing",
}


def prompts(kind: EntityKind, name: str, part: Part) -> list[str]:
    """Prompts of one part that draw the named entity."""
    return [template.format(name) for template in _BY_KIND[kind][part]]


def class_word(kind: EntityKind) -> str:
    """What is drawn instead of an entity where the request does not say: anything of its kind."""
    return _CLASS[kind]
