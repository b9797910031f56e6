"""The questions of the demo, and a model that answers them by stock transformers and PEFT alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Question:
    """One probe. `about`: the heading that it is shown under."""

    about: str
    question: str
    image: Path | None
    answer: str
    forget: bool


_SUBJECT = (("image_memory", "asked with a picture", 4), ("text_memory", "asked by name", 3))
_VISIBLE = (("image_understanding", "what the picture shows", 2),)


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


def _pick(sample: Path, kinds: Sequence[tuple[str, str, int]], *, forget: bool, prefix: str) -> list[Question]:
    probes = json.loads((sample / "probes.json").read_text(encoding="utf-8"))
    chosen: list[Question] = []
    for kind, words, count in kinds:
        of_kind = [probe for probe in probes if probe["kind"] == kind][:count]
        chosen += [_question(probe, sample, prefix + words, forget) for probe in of_kind]
    return chosen


def _question(probe: dict[str, Any], sample: Path, about: str, forget: bool) -> Question:
    image = sample / probe["image"] if probe["image"] else None
    return Question(about, probe["question"], image, probe["answer"], forget)


class StockModel:
    """A multimodal LLM from a checkpoint folder, with or without a patch."""

    def __init__(self, base: str) -> None:
        # Its lazy modules have no usable types, hence Any.
        transformers: Any = import_module("transformers")
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._processor = transformers.AutoProcessor.from_pretrained(base)
        self._model = transformers.AutoModelForImageTextToText.from_pretrained(base, dtype="float32").eval()

    def patch(self, adapter: Path) -> None:
        """Load a patch onto the model."""
        from peft import PeftModel

        with warnings.catch_warnings():
            # PEFT's deprecation warnings would stand among the demo's output.
            warnings.simplefilter("ignore", FutureWarning)
            self._model = PeftModel.from_pretrained(self._model, str(adapter)).eval()

    def answer(self, questions: Sequence[Question]) -> list[str]:
        """Greedy answers, one question at a time."""
        import torch

        with torch.inference_mode():
            return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> str:
        from PIL import Image

        content = [*([{"type": "image"}] if question.image else []), {"type": "text", "text": question.question}]
        text = self._processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        images = [Image.open(question.image).convert("RGB")] if question.image else None
        inputs = self._processor(text=[text], images=images, return_tensors="pt")
        output = self._model.generate(**inputs, do_sample=False, max_new_tokens=24)
        answer: str = self._processor.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return answer.strip()
