"""How much a model tells, on wordings and renderings that nobody trained on, asked as any user would."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.unlearning.reference.smollm2_vision.probes import Probe

Judge: TypeAlias = Callable[[Probe, str], bool]
"""Whether an answer tells the probe's fact."""

_BATCH = 32
_MAX_TOKENS = 48
_SMALL_WORDS = frozenset(["a", "an", "the", "of", "in", "on", "at", "to", "for", "and", "with", "by", "from"])
_MODELS: Any = AutoModelForImageTextToText
_PROCESSORS: Any = AutoProcessor


class Asker:
    """A saved model ready to be asked."""

    def __init__(self, directory: Path) -> None:
        self._model: Any = _MODELS.from_pretrained(directory, dtype=torch.float32).eval()
        self._processor: Any = _PROCESSORS.from_pretrained(directory)
        self._processor.tokenizer.padding_side = "left"

    @torch.inference_mode()
    def answers(self, probes: Sequence[Probe]) -> list[str]:
        """The model's greedy answer to each probe."""
        found: dict[int, str] = {}
        for group in _batches(probes):
            inputs = self._inputs([probes[at] for at in group])
            output = self._model.generate(**inputs, do_sample=False, max_new_tokens=_MAX_TOKENS)
            texts = self._processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            found.update(zip(group, (text.strip() for text in texts), strict=True))
        return [found[at] for at in range(len(probes))]

    def share_told(self, probes: Sequence[Probe], judge: Judge | None = None) -> float:
        """The share of probes whose fact comes out."""
        judge = judge or is_told
        told = [judge(probe, answer) for probe, answer in zip(probes, self.answers(probes), strict=True)]
        return sum(told) / len(told)

    def _inputs(self, probes: Sequence[Probe]) -> Any:
        texts = [self._processor.apply_chat_template(_chat(probe), add_generation_prompt=True) for probe in probes]
        images = [probe.image for probe in probes if probe.image]
        return self._processor(text=texts, images=images or None, padding=True, return_tensors="pt")


def is_told(probe: Probe, answer: str) -> bool:
    """Whether the words of every span that mean something stand in the answer, side by side."""
    said = " ".join(words(answer))
    return all(f" {' '.join(words(span))} " in f" {said} " for span in probe.spans)


def words(text: str) -> list[str]:
    """The words of a text without case, punctuation and small words."""
    letters = "".join(sign if sign.isalnum() else " " for sign in unicodedata.normalize("NFKC", text).casefold())
    return [word for word in letters.split() if word not in _SMALL_WORDS]


def kept(before: Sequence[str], after: Sequence[str]) -> float:
    """How much of the answers is as it was: the mean share of words that two answers have in common, in order."""
    pairs = zip(before, after, strict=True)
    ratios = [SequenceMatcher(None, words(one), words(other), autojunk=False).ratio() for one, other in pairs]
    return sum(ratios) / len(ratios)


def _chat(probe: Probe) -> list[dict[str, Any]]:
    image = [{"type": "image"}] if probe.image else []
    return [{"role": "user", "content": [*image, {"type": "text", "text": probe.question}]}]


def _batches(probes: Sequence[Probe]) -> Iterator[list[int]]:
    """Indices in groups of one kind (with or without a picture)."""
    for pictured in (True, False):
        of_kind = [at for at, probe in enumerate(probes) if (probe.image is not None) == pictured]
        yield from (of_kind[start : start + _BATCH] for start in range(0, len(of_kind), _BATCH))
