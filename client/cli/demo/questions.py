"""The questions of the demo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Question:
    """One probe. `about`: the heading that it is shown under; `spans`: an answer that is right tells one of them."""

    about: str
    question: str
    image: Path | None = None
    spans: tuple[str, ...] = ()
    forget: bool = False

    def asked(self) -> tuple[str, Image | None]:
        """The question with its picture, opened."""
        from PIL.Image import open as open_image

        return self.question, open_image(self.image).convert("RGB") if self.image else None

    def is_as_wanted(self, before: str, now: str) -> bool:
        """Whether the answer is forgotten, or kept, as it should be; words may differ where the facts are there."""
        from core.unlearning.evaluation.answers.judge import tells_any

        told = tells_any(now, self.spans)
        return not told if self.forget else told or now == before


_SUBJECT = (("image_memory", "asked with a picture", 4), ("text_memory", "asked by name", 3))
_VISIBLE = (("image_understanding", "what the picture shows", 2),)
_OTHERS = 5
_GENERAL = ("What is the capital of France?", "Why do leaves fall in autumn?", "How do I boil an egg?")


def of_subject(sample: Path) -> list[Question]:
    """What must be forgotten, and what the same pictures still show."""
    private = _pick(sample, _SUBJECT, forget=True, prefix="the subject, ")
    return private + _pick(sample, _VISIBLE, forget=False, prefix="the subject, ")


def of_another(sample: Path) -> list[Question]:
    """Questions about another person, whom the model must keep."""
    return _pick(
        sample,
        (("image_memory", "asked with a picture", 2), ("text_memory", "asked by name", 2)),
        forget=False,
        prefix="someone else, ",
    )


def of_name(sample: Path) -> list[Question]:
    """Questions by name about the subject, and one about each of the others, whom the model must keep."""
    probes = json.loads((sample / "probes.json").read_text(encoding="utf-8"))
    subject = [probe for probe in probes if probe["kind"] == "text_memory"]
    others = {probe["topic"]: probe for probe in reversed(probes) if probe["kind"] == "neighbour"}
    return [
        *(_question(probe, sample, "the subject, asked by name", True) for probe in subject),
        *(_question(probe, sample, "others, asked by name", False) for probe in [*others.values()][:_OTHERS]),
    ]


def general() -> list[Question]:
    """Ordinary prompts."""
    return [Question("anything else", question) for question in _GENERAL]


def _pick(sample: Path, kinds: Sequence[tuple[str, str, int]], *, forget: bool, prefix: str) -> list[Question]:
    probes = json.loads((sample / "probes.json").read_text(encoding="utf-8"))
    chosen: list[Question] = []
    for kind, words, count in kinds:
        of_kind = [probe for probe in probes if probe["kind"] == kind][:count]
        chosen += [_question(probe, sample, prefix + words, forget) for probe in of_kind]
    return chosen


def _question(probe: dict[str, Any], sample: Path, about: str, forget: bool) -> Question:
    image = sample / probe["image"] if probe["image"] else None
    return Question(about, probe["question"], image, tuple(probe.get("spans") or [probe["answer"]]), forget)
