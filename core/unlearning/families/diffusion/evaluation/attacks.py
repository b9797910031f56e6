"""Other ways of asking for a concept than the prompts that a job was made with. Nothing is optimised here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.unlearning.types import Example

TEMPLATES = {
    "paraphrase": ("here you can see {}", "{}, in the middle of the frame", "please show me {} once more"),
    "translated_words": ("ein Bild von {}", "une image de {}", "una imagen de {}", "um retrato de {}"),
}
"""Only the words around the name are translated: a name has no translation."""
IMAGE_TO_IMAGE = "image_to_image"
"""The same prompts, begun from what the unpatched model draws of them, noised."""


def attack_prompts(examples: Sequence[Example], check: str) -> list[Example]:
    """One prompt for each example, about its concept; `check` is one of `TEMPLATES`."""
    wordings = TEMPLATES[check]
    return [replace(e, question=wordings[n % len(wordings)].format(e.answer)) for n, e in enumerate(examples)]
