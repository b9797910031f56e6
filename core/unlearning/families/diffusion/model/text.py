"""Prompts as tokens and text encoder states, and the position of a concept in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class EncodedPrompts:
    """Encoded prompts. `states` [prompts, tokens, dim]; `pooled` [prompts, dim] only where there are two encoders."""

    states: Tensor
    pooled: Tensor | None = None


@dataclass(frozen=True)
class Span:
    """Token positions of a concept in a prompt, `end` exclusive."""

    start: int
    end: int


def encode_prompts(pipe: Any, prompts: Sequence[str]) -> EncodedPrompts:
    """Encode prompts as the pipeline (SD1, SD2 or SDXL) does, with gradients."""
    kwargs = {"device": pipe.unet.device, "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    found = pipe.encode_prompt(prompt=list(prompts), **kwargs)
    return EncodedPrompts(found[0], found[2] if len(found) == 4 else None)


@torch.no_grad()
def text_states(pipe: Any, prompts: Sequence[str], *, batch: int = 64) -> Tensor:
    """States [prompts, tokens, dim] of frozen encoders."""
    parts = [encode_prompts(pipe, prompts[at : at + batch]).states for at in range(0, len(prompts), batch)]
    return torch.cat(parts)


def select_prompts(text: EncodedPrompts, rows: Tensor) -> EncodedPrompts:
    """Some of the prompts."""
    return EncodedPrompts(text.states[rows], None if text.pooled is None else text.pooled[rows])


def join_prompts(*several: EncodedPrompts) -> EncodedPrompts:
    """Prompts after prompts."""
    pooled = [text.pooled for text in several if text.pooled is not None]
    return EncodedPrompts(torch.cat([text.states for text in several]), torch.cat(pooled) if pooled else None)


def token_ids(tokenizer: Any, prompt: str) -> list[int]:
    """The prompt's tokens from beginning-of-text to the last pad."""
    made = tokenizer(prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)
    return list(made["input_ids"])


def find_spans(tokenizer: Any, prompt: str, concept: str) -> list[Span]:
    """Every span of the concept in the prompt. SDXL's two tokenizers split text alike, so one is enough."""
    ids, wanted = token_ids(tokenizer, prompt), list(tokenizer(concept, add_special_tokens=False)["input_ids"])
    length = len(wanted)
    found = [at for at in range(1, len(ids) - length + 1) if length and ids[at : at + length] == wanted]
    return [Span(at, at + length) for at in found]


def end_of_text_position(tokenizer: Any, prompt: str) -> int:
    """Position of the first end-of-text token. SD1 pads with that same token, SD2 with `!`: what follows are pads."""
    ids = token_ids(tokenizer, prompt)
    return ids.index(tokenizer.eos_token_id, 1)
