"""Encoded prompts to forget with their anchors, and the rows of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.diffusion.data.anchor import anchor_words, with_anchor
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, join_latents
from core.unlearning.families.diffusion.model.text import (
    EncodedPrompts,
    Span,
    encode_prompts,
    end_of_text_position,
    find_spans,
    join_prompts,
)
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.types import Example, JobData


@dataclass(frozen=True)
class ForgetPrompts:
    """Prompts that name the entity (`forget`) and the same prompts with the `anchor` in its place.

    `columns` [rows, tokens], boolean, marks the entity's tokens in `forget`.
    """

    forget: EncodedPrompts
    anchor: EncodedPrompts
    columns: Tensor


@dataclass(frozen=True)
class StepRows:
    """The rows of one step: noised pictures and the prompts of the trained denoiser and of the teacher."""

    latents: NoisedLatents
    prompts: EncodedPrompts
    """Condition of the trained denoiser."""
    teacher_prompts: EncodedPrompts
    """Condition of the frozen base, whose prediction is the target."""
    away_prompts: EncodedPrompts
    """Condition from which the target moves away, by `beyond` times the difference."""
    weights: Tensor
    """[rows], on the CPU: weight of each row's squared error."""
    beyond: Tensor
    """[rows], on the CPU."""


def join_rows(*several: StepRows) -> StepRows:
    """The rows of several batches as one."""
    return StepRows(
        join_latents(*(rows.latents for rows in several)),
        join_prompts(*(rows.prompts for rows in several)),
        join_prompts(*(rows.teacher_prompts for rows in several)),
        join_prompts(*(rows.away_prompts for rows in several)),
        torch.cat([rows.weights for rows in several]),
        torch.cat([rows.beyond for rows in several]),
    )


def forget_prompts(
    model: DiffusionModel, examples: Sequence[Example], data: JobData, options: Options
) -> ForgetPrompts:
    """The forget prompts of one part's examples, each paired with each anchor. Raises `InvalidInputError` if none."""
    rows = list({e.question: e for e in examples if e.split.startswith("forget_")}.values())
    if not rows:
        raise InvalidInputError("the request brings no prompt and no name to forget", code="nothing_to_forget")
    words = anchor_words(model.pipe.tokenizer, data, options.anchor)
    pairs = [(row, word) for row in rows for word in words]
    marked = torch.stack([_columns(model, row, options) for row, _ in pairs])
    forget = encode_frozen(model, [row.question for row, _ in pairs])
    return ForgetPrompts(
        forget, encode_frozen(model, [with_anchor(row, word) for row, word in pairs]), marked.to(model.device)
    )


def anchor_prompts(model: DiffusionModel, asks: Sequence[str], data: JobData, options: Options) -> EncodedPrompts:
    """Templates with the anchor in the place of {}: all of them with its first words, then all with the next."""
    words = anchor_words(model.pipe.tokenizer, data, options.anchor)
    rows = [Example("forget_concept", ask, "", subject="{}") for ask in asks]
    return encode_frozen(model, [with_anchor(row, word) for word in words for row in rows])


@torch.no_grad()
def encode_frozen(model: DiffusionModel, prompts: Sequence[str]) -> EncodedPrompts:
    """Encode prompts without gradients."""
    return encode_prompts(model.pipe, prompts)


def _columns(model: DiffusionModel, example: Example, options: Options) -> Tensor:
    """Mask [tokens] of the entity's tokens; of all tokens in a prompt that does not name the entity."""
    tokenizer = model.pipe.tokenizer
    end = end_of_text_position(tokenizer, example.question)
    named = find_spans(tokenizer, example.question, example.subject) if example.subject else []
    marked = torch.zeros(tokenizer.model_max_length, dtype=torch.bool)
    for span in named or [Span(1, end)]:
        marked[span.start : len(marked) if options.columns == "all" else span.end] = True
    if options.columns == "name_and_end":
        marked[end] = True
    return marked
