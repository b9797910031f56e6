"""Greedy free-running answers, also after earlier turns or after a given beginning of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL.Image import Image

from core.unlearning.families.language.model.answer_cache import AnswerKind
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.frozen import run_cached
from core.unlearning.families.language.model.logits import as_dtype

if TYPE_CHECKING:
    from core.unlearning.families.language.model.model import LanguageModel

_GENERATION_BUDGET = 0.25
"""Share of the token budget, since the key-value cache of a growing answer needs memory."""


def generate(
    lm: LanguageModel, questions: Sequence[tuple[str, Image | None]], *, never_first: Sequence[int] = ()
) -> list[str]:
    """Greedy answers, without special tokens and stripped. `never_first`: tokens that no answer may begin with."""
    rows = [lm.encoder.prompt(question, image) for question, image in questions]
    return generate_encoded(lm, rows, never_first=never_first)


@torch.no_grad()
def generate_encoded(lm: LanguageModel, rows: Sequence[Encoded], *, never_first: Sequence[int] = ()) -> list[str]:
    """Greedy answers to encoded prompts."""

    def run(batch: list[int]) -> list[str]:
        inputs = lm.sharing.prompt_batch(lm, [rows[i] for i in batch]).inputs
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

    name = f"generate {lm.max_new_tokens} {sorted(never_first)}"
    kind: AnswerKind[str] = AnswerKind(name, lambda text: (text, ()), lambda text, _: str(text))
    return run_cached(lm, kind, rows, int(lm.token_budget * _GENERATION_BUDGET), run)


@dataclass(frozen=True)
class Conversation:
    """A question about a picture or none, after earlier turns."""

    question: str
    image: Image | None = None
    before: tuple[tuple[str, str], ...] = ()
    """Earlier turns (question, answer), without pictures."""
    begins: str = ""
    """A forced beginning of the answer."""


def converse(lm: LanguageModel, conversations: Sequence[Conversation]) -> list[str]:
    """Greedy answers with their forced beginnings, stripped."""
    rows = [lm.encoder.conversation(c.before, c.question, c.image, c.begins) for c in conversations]
    return [f"{c.begins} {text}".strip() for c, text in zip(conversations, generate_encoded(lm, rows), strict=True)]
