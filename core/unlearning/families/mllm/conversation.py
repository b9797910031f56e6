"""Questions that come after other turns, and answers whose beginning is put into the model's mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.unlearning.families.mllm.generate import generate_encoded

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model import MultimodalLM


@dataclass(frozen=True)
class Conversation:
    """A question, with the picture that it is about."""

    question: str
    image: Image | None = None
    before: tuple[tuple[str, str], ...] = ()
    """Earlier turns without pictures: questions with their answers."""
    begins: str = ""
    """What the answer begins with, whatever the model would say."""


def converse(lm: MultimodalLM, asked: Sequence[Conversation]) -> list[str]:
    """Greedy answers, with what they were made to begin with, stripped."""
    rows = [lm.encoder.conversation(a.before, a.question, a.image, a.begins) for a in asked]
    return [f"{a.begins} {said}".strip() for a, said in zip(asked, generate_encoded(lm, rows), strict=True)]
