"""The prompts of a step, encoded once: what is steered away from, what takes its place, what is kept."""

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
    """`forget` and `anchor` row by row the same but for the entity; `columns` [rows, tokens] marks it in `forget`."""

    forget: EncodedPrompts
    anchor: EncodedPrompts
    columns: Tensor


@dataclass(frozen=True)
class StepRows:
    """Noised pictures, the text that the denoiser is asked with, and that under which the base does what is `wanted`.

    `away`: text from which the prediction is to move on beyond what is wanted, `beyond` [rows] times the way.
    `weights` [rows]: how much each one's distance from that counts. Both on the CPU.
    """

    noised: NoisedLatents
    asked: EncodedPrompts
    wanted: EncodedPrompts
    away: EncodedPrompts
    weights: Tensor
    beyond: Tensor


def join_rows(*several: StepRows) -> StepRows:
    """Rows after rows."""
    return StepRows(
        join_latents(*(rows.noised for rows in several)),
        join_prompts(*(rows.asked for rows in several)),
        join_prompts(*(rows.wanted for rows in several)),
        join_prompts(*(rows.away for rows in several)),
        torch.cat([rows.weights for rows in several]),
        torch.cat([rows.beyond for rows in several]),
    )


def forget_prompts(
    model: DiffusionModel, examples: Sequence[Example], data: JobData, options: Options
) -> ForgetPrompts:
    """Of one part's examples. Raises `InvalidInputError` when none is to be forgotten."""
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
    """Prompts with {} for a name, with the anchor there: all of them with its first words, then with the next."""
    words = anchor_words(model.pipe.tokenizer, data, options.anchor)
    rows = [Example("forget_concept", ask, "", subject="{}") for ask in asks]
    return encode_frozen(model, [with_anchor(row, word) for word in words for row in rows])


@torch.no_grad()
def encode_frozen(model: DiffusionModel, prompts: Sequence[str]) -> EncodedPrompts:
    """Prompts as they are."""
    return encode_prompts(model.pipe, prompts)


def _columns(model: DiffusionModel, example: Example, options: Options) -> Tensor:
    """[tokens]; a prompt that does not name the entity is marked as a whole."""
    tokenizer = model.pipe.tokenizer
    end = end_of_text_position(tokenizer, example.question)
    named = find_spans(tokenizer, example.question, example.subject) if example.subject else []
    marked = torch.zeros(tokenizer.model_max_length, dtype=torch.bool)
    for span in named or [Span(1, end)]:
        marked[span.start : len(marked) if options.columns == "all" else span.end] = True
    if options.columns == "name_and_end":
        marked[end] = True
    return marked
