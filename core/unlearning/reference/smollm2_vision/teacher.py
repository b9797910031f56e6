"""What the pretrained model says to general prompts, which it is to go on saying while it learns about people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.unlearning.reference.smollm2_vision.people import read

MAX_TOKENS = 32
_LIKELY = 16
_BATCH = 25


@dataclass(frozen=True)
class Answer:
    """An answer's tokens; for each place the likely tokens (its own first) and how likely each is."""

    tokens: list[int]
    likely: list[list[int]]
    weights: list[list[float]]

    @classmethod
    def certain(cls, tokens: list[int]) -> Answer:
        """One that nothing else would do for."""
        return cls(tokens, [[token] for token in tokens], [[1.0]] * len(tokens))


def prompts(*, held_out: bool) -> list[str]:
    """General prompts; every fifth of a kind is not learnt with."""
    return [
        prompt for kind in read("prompts.json").values() for at, prompt in enumerate(kind) if (at % 5 == 4) == held_out
    ]


def greedy_answers(model: Any, processor: Any, questions: Sequence[str], cache: Path) -> list[tuple[str, Answer]]:
    """Each question with the model's own answer; kept in a file, so that they are made once."""
    found: dict[str, Answer] = torch.load(cache, weights_only=False) if cache.is_file() else {}
    missing = sorted((q for q in questions if q not in found), key=len)
    for start in range(0, len(missing), _BATCH):
        group = missing[start : start + _BATCH]
        found.update(zip(group, _generate(model, processor, group), strict=True))
        torch.save(found, cache)
    return [(question, found[question]) for question in questions]


@torch.inference_mode()
def _generate(model: Any, processor: Any, questions: Sequence[str]) -> list[Answer]:
    chats = [[{"role": "user", "content": [{"type": "text", "text": question}]}] for question in questions]
    texts = [processor.apply_chat_template(chat, add_generation_prompt=True) for chat in chats]
    processor.tokenizer.padding_side = "left"
    inputs = processor.tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
    out = model.generate(
        **inputs, max_new_tokens=MAX_TOKENS, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    logits = torch.stack(out.logits, dim=1)
    said = out.sequences[:, inputs["input_ids"].shape[1] :]
    end = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    return [_answer(tokens, row, end) for tokens, row in zip(said, logits, strict=True)]


def _answer(tokens: Tensor, logits: Tensor, end: int) -> Answer:
    ends = (tokens == end).nonzero()
    length = int(ends[0]) + 1 if len(ends) else len(tokens)
    top = logits[:length].float().softmax(-1).topk(_LIKELY)
    weights = top.values / top.values.sum(-1, keepdim=True)
    return Answer(tokens[:length].tolist(), top.indices.tolist(), weights.tolist())
