"""Pictures changed by gradient until the frozen model takes them for people whom it knows.

Nobody has pictures of everyone whom a model knows. Where faces look alike to it, what it learns to decline about one
person spreads to the next; such pictures stand in for the people who are not in the retain set.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.batching import run_batched
from core.unlearning.families.language.model.encoded import Encoded, Vision
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel

STEPS = 8
_STEP = 0.15
"""Change of the most sensitive pixel in a step, as a share of the range of all pixels."""
CONFIDENT = 0.9
"""Probability of the answer at which a picture is changed no further."""
ACCEPTED = 0.5
"""Least probability at which a picture is used."""
_BUDGET = 0.125
"""Share of the token budget, since a gradient also needs the activations of the vision tower."""


@dataclass(frozen=True)
class GradientImage:
    """A picture as processed tensors. `start`: the picture it was made from."""

    start: Image
    vision: Vision

    def prompt(self, lm: LanguageModel, question: str) -> Encoded:
        """The encoded prompt of a question about it."""
        return replace(lm.encoder.prompt(question, self.start), vision=self.vision)


def images_for_answers(lm: LanguageModel, question: str, targets: Sequence[tuple[Image, str]]) -> list[GradientImage]:
    """Each picture changed until the model gives its answer; left out where it does not."""
    rows = [lm.encoder.with_answer(question, image, answer) for image, answer in targets]
    return _make_images(lm, [image for image, _ in targets], rows)


def images_for_first_tokens(
    lm: LanguageModel, question: str, images: Sequence[Image], tokens: Sequence[int]
) -> list[GradientImage]:
    """Each picture changed until the answer begins with its token; left out where it does not."""
    prompts = [lm.encoder.prompt(question, image) for image in images]
    return _make_images(
        lm, images, [_with_first_token(prompt, token) for prompt, token in zip(prompts, tokens, strict=True)]
    )


@torch.no_grad()
def likely_first_tokens(
    lm: LanguageModel, question: str, images: Sequence[Image], count: int, never: Collection[int]
) -> list[int]:
    """The likeliest first tokens of an answer, each at the picture where it is likeliest; none of `never`."""
    rows = [_with_first_token(lm.encoder.prompt(question, image), lm.pad_id) for image in images]

    def run(batch: list[int]) -> list[Tensor]:
        return list(answer_logits(lm.model, lm.to_batch([rows[i] for i in batch])).logits.softmax(-1).cpu())

    likeliest = torch.stack(run_batched(rows, lm.token_budget, run)).amax(0)
    likeliest[list(never)] = 0.0
    found: list[int] = likeliest.topk(min(count, len(likeliest) - len(never))).indices.tolist()
    return found


def _with_first_token(prompt: Encoded, token: int) -> Encoded:
    tokens = {name: pad(row, (0, 1)) for name, row in prompt.tokens.items()}
    whole = torch.cat([prompt.input_ids, prompt.input_ids.new_tensor([token])])
    return Encoded(whole, len(prompt.input_ids), tokens, prompt.vision)


def _make_images(lm: LanguageModel, images: Sequence[Image], rows: Sequence[Encoded]) -> list[GradientImage]:
    low, high = _range(rows)

    def run(batch: list[int]) -> list[Vision | None]:
        return _optimise(lm, [rows[i] for i in batch], low, high)

    made = run_batched(rows, int(_BUDGET * lm.token_budget), run)
    return [GradientImage(image, vision) for image, vision in zip(images, made, strict=True) if vision is not None]


def _range(rows: Sequence[Encoded]) -> tuple[float, float]:
    pixels = [tensor for row in rows for tensor in _pixels(row).values()]
    return min((float(p.min()) for p in pixels), default=0.0), max((float(p.max()) for p in pixels), default=0.0)


def _pixels(row: Encoded) -> dict[str, Tensor]:
    """The picture's floating-point tensors: pixels, without sizes and masks."""
    return {name: tensor for name, tensor in row.vision.items() if tensor.is_floating_point()}


def _optimise(lm: LanguageModel, rows: Sequence[Encoded], low: float, high: float) -> list[Vision | None]:
    """Gradient ascent on the pixels of each row until p(answer) >= CONFIDENT; None where it ends below ACCEPTED."""
    current, probabilities = list(rows), [0.0] * len(rows)
    for step in range(STEPS + 1):
        unsure = [n for n, p in enumerate(probabilities) if p < CONFIDENT]
        if not unsure:
            break
        found, gradients = _pixel_gradients(lm, [current[n] for n in unsure])
        for n, p, gradient in zip(unsure, found, gradients, strict=True):
            probabilities[n] = p
            if p < CONFIDENT and step < STEPS:
                pixels = _ascend(_pixels(current[n]), gradient, low, high)
                current[n] = replace(current[n], vision=Vision({**current[n].vision, **pixels}))
    return [row.vision if p >= ACCEPTED else None for row, p in zip(current, probabilities, strict=True)]


def _pixel_gradients(lm: LanguageModel, rows: Sequence[Encoded]) -> tuple[list[float], list[dict[str, Tensor]]]:
    """p(answer) of each row, and the gradient of log p(answer) with respect to its pixels."""
    pixels = [{name: tensor.clone().requires_grad_() for name, tensor in _pixels(row).items()} for row in rows]
    traced = [replace(row, vision=Vision({**row.vision, **given})) for row, given in zip(rows, pixels, strict=True)]
    with torch.enable_grad():
        out = answer_logits(lm.model, collate(traced, lm.pad_id, lm.device))
        chosen = out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)
        gradients = iter(torch.autograd.grad(chosen.sum(), [t for given in pixels for t in given.values()]))
    total = torch.zeros(len(rows), device=chosen.device).index_add(0, out.rows, chosen.detach())
    return [math.exp(t) for t in total.tolist()], [{name: next(gradients) for name in given} for given in pixels]


def _ascend(pixels: dict[str, Tensor], gradients: dict[str, Tensor], low: float, high: float) -> dict[str, Tensor]:
    """One ascent step along the signed square root of the gradient, so that no few pixels take all of the change."""
    moved = {}
    for name, gradient in gradients.items():
        root = gradient.sign() * (gradient.abs() / gradient.abs().max().clamp(min=1e-12)).sqrt()
        moved[name] = (pixels[name] + _STEP * (high - low) * root).clamp(low, high)
    return moved
