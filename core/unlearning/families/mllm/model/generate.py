"""Free-running answers, also after earlier turns of a conversation or after a given beginning of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL.Image import Image

from core.unlearning.families.mllm.model.answer_cache import Kind
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.frozen import asked
from core.unlearning.families.mllm.model.logits import as_dtype

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model.model import MultimodalLM

_GENERATION_BUDGET = 0.25
"""Share of the token budget: the cache of a growing answer needs room."""


def generate(
    lm: MultimodalLM, questions: Sequence[tuple[str, Image | None]], *, never_first: Sequence[int] = ()
) -> list[str]:
    """Greedy answers, without special tokens and stripped. `never_first`: tokens that no answer may begin with."""
    rows = [lm.encoder.prompt(question, image) for question, image in questions]
    return generate_encoded(lm, rows, never_first=never_first)


@torch.no_grad()
def generate_encoded(lm: MultimodalLM, rows: Sequence[Encoded], *, never_first: Sequence[int] = ()) -> list[str]:
    """The same of questions that are encoded already."""

    def run(batch: list[int]) -> list[str]:
        inputs = lm.sharing.to_answer(lm, [rows[i] for i in batch]).inputs
        out = lm.model.generate(
            **as_dtype(inputs, lm.model.dtype),
            do_sample=False,
            num_beams=1,
            max_new_tokens=lm.max_new_tokens,
            pad_token_id=lm.pad_id,
            eos_token_id=lm.end_tokens,
            begin_suppress_tokens=list(never_first) or None,
        )
        new = out[:, inputs["input_ids"].shape[1] :]
        return [text.strip() for text in lm.tokenizer.batch_decode(new, skip_special_tokens=True)]

    how = f"generate {lm.max_new_tokens} {sorted(never_first)}"
    kind: Kind[str] = Kind(how, lambda text: (text, ()), lambda text, _: str(text))
    return asked(lm, kind, rows, int(lm.token_budget * _GENERATION_BUDGET), run)


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
