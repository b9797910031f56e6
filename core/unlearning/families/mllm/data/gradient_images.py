"""Pictures that the frozen model takes for people whom it knows, made out of pictures of others by gradient.

Nobody has pictures of everyone whom a model knows. Where faces look alike to it, what it learns to decline about one
spreads to the next; the model itself tells what it would take for whom.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch
from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.mllm.model.batch import collate
from core.unlearning.families.mllm.model.batching import run_batched
from core.unlearning.families.mllm.model.encoded import Encoded, Vision
from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.model.model import MultimodalLM

STEPS = 8
_STEP = 0.15
"""How far the most sensitive pixel moves in a step, as a share of the range of all pixels."""
SURE = 0.9
"""Probability of the answer from which a picture is left as it is."""
TAKEN = 0.5
"""From which on it counts."""
_BUDGET = 0.125
"""Share of the token budget: a gradient needs the activations of the vision tower too."""


@dataclass(frozen=True)
class Imagined:
    """The pixels of a picture, as the processor would have made them. `start`: what it was made from."""

    start: Image
    vision: Vision

    def prompt(self, lm: MultimodalLM, question: str) -> Encoded:
        """A question about it."""
        return replace(lm.encoder.prompt(question, self.start), vision=self.vision)


def imagine(lm: MultimodalLM, question: str, wanted: Sequence[tuple[Image, str]]) -> list[Imagined]:
    """Pictures changed until the model gives the wanted answer about them; those of which it does not are left out."""
    rows = [lm.encoder.with_answer(question, image, answer) for image, answer in wanted]
    return _imagined(lm, [image for image, _ in wanted], rows)


def imagine_beginnings(
    lm: MultimodalLM, question: str, images: Sequence[Image], tokens: Sequence[int]
) -> list[Imagined]:
    """Each picture changed until its answer would begin with its token; those of which it does not are left out."""
    prompts = [lm.encoder.prompt(question, image) for image in images]
    return _imagined(lm, images, [_begun(prompt, token) for prompt, token in zip(prompts, tokens, strict=True)])


@torch.no_grad()
def likely_beginnings(
    lm: MultimodalLM, question: str, images: Sequence[Image], count: int, never: Collection[int]
) -> list[int]:
    """The tokens with which the answer begins most likely, at the picture where each is likeliest; none of `never`."""
    rows = [_begun(lm.encoder.prompt(question, image), lm.pad_id) for image in images]

    def run(batch: list[int]) -> list[Tensor]:
        return list(answer_logits(lm.model, lm.to_batch([rows[i] for i in batch])).logits.softmax(-1).cpu())

    likeliest = torch.stack(run_batched(rows, lm.token_budget, run)).amax(0)
    likeliest[list(never)] = 0.0
    found: list[int] = likeliest.topk(min(count, len(likeliest) - len(never))).indices.tolist()
    return found


def _begun(prompt: Encoded, token: int) -> Encoded:
    tokens = {name: pad(row, (0, 1)) for name, row in prompt.tokens.items()}
    whole = torch.cat([prompt.input_ids, prompt.input_ids.new_tensor([token])])
    return Encoded(whole, len(prompt.input_ids), tokens, prompt.vision)


def _imagined(lm: MultimodalLM, images: Sequence[Image], rows: Sequence[Encoded]) -> list[Imagined]:
    low, high = _range(rows)

    def run(batch: list[int]) -> list[Vision | None]:
        return _changed(lm, [rows[i] for i in batch], low, high)

    made = run_batched(rows, int(_BUDGET * lm.token_budget), run)
    return [Imagined(image, vision) for image, vision in zip(images, made, strict=True) if vision is not None]


def _range(rows: Sequence[Encoded]) -> tuple[float, float]:
    pixels = [tensor for row in rows for tensor in _pixels(row).values()]
    return min((float(p.min()) for p in pixels), default=0.0), max((float(p.max()) for p in pixels), default=0.0)


def _pixels(row: Encoded) -> dict[str, Tensor]:
    """What the processor makes of a picture beside sizes and masks."""
    return {name: tensor for name, tensor in row.vision.items() if tensor.is_floating_point()}


def _changed(lm: MultimodalLM, rows: Sequence[Encoded], low: float, high: float) -> list[Vision | None]:
    """Rows that the model is sure of are left alone."""
    now, told = list(rows), [0.0] * len(rows)
    for step in range(STEPS + 1):
        unsure = [n for n, p in enumerate(told) if p < SURE]
        if not unsure:
            break
        found, slopes = _slopes(lm, [now[n] for n in unsure])
        for n, p, slope in zip(unsure, found, slopes, strict=True):
            told[n] = p
            if p < SURE and step < STEPS:
                moved = _moved(_pixels(now[n]), slope, low, high)
                now[n] = replace(now[n], vision=Vision({**now[n].vision, **moved}))
    return [row.vision if p >= TAKEN else None for row, p in zip(now, told, strict=True)]


def _slopes(lm: MultimodalLM, rows: Sequence[Encoded]) -> tuple[list[float], list[dict[str, Tensor]]]:
    """Each row's p(answer), and how log p(answer) grows with its pixels."""
    pixels = [{name: tensor.clone().requires_grad_() for name, tensor in _pixels(row).items()} for row in rows]
    traced = [replace(row, vision=Vision({**row.vision, **given})) for row, given in zip(rows, pixels, strict=True)]
    with torch.enable_grad():
        out = answer_logits(lm.model, collate(traced, lm.pad_id, lm.device))
        chosen = out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)
        slopes = iter(torch.autograd.grad(chosen.sum(), [t for given in pixels for t in given.values()]))
    total = torch.zeros(len(rows), device=chosen.device).index_add(0, out.rows, chosen.detach())
    return [math.exp(t) for t in total.tolist()], [{name: next(slopes) for name in given} for given in pixels]


def _moved(pixels: dict[str, Tensor], slopes: dict[str, Tensor], low: float, high: float) -> dict[str, Tensor]:
    """Pixels upwards along their slopes; roots, so that not a few of them do all of the work."""
    moved = {}
    for name, slope in slopes.items():
        root = slope.sign() * (slope.abs() / slope.abs().max().clamp(min=1e-12)).sqrt()
        moved[name] = (pixels[name] + _STEP * (high - low) * root).clamp(low, high)
    return moved
