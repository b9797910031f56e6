"""Tower and projector: taught to see before any name is mentioned.

First every patch of the tower learns to tell all that is drawn; then tower and projector learn to say it, a word a
patch, in the embeddings of the language model's own words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from core.unlearning.reference.mllm.architecture import IMAGE_TOKENS
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_code, random_scene
from core.unlearning.reference.mllm.packing import pixels
from core.unlearning.reference.mllm.vision import SIZES, attribute_loss, random_example
from core.unlearning.reference.schedule import schedule
from core.unlearning.reference.smollm2_vision.captions import caption, token_of, vocabulary

_BATCH = 64
_PATCHES = 3


def train_tower(
    model: LlavaForConditionalGeneration, rng: np.random.Generator, on_step: Callable[[float], None], steps: int
) -> None:
    """Train `model`'s tower so that any patch tells every attribute to a linear head, which is thrown away."""
    tower = model.model.vision_tower
    head = nn.Linear(tower.config.hidden_size, sum(SIZES))
    parameters = [*tower.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule(steps, warmup=min(40, steps), flat=0.4))
    for _ in range(steps):
        images, labels = zip(*(random_example(rng) for _ in range(_BATCH)), strict=True)
        patches = tower(pixel_values=pixels(images)).last_hidden_state[:, 1:]
        chosen = torch.from_numpy(rng.integers(IMAGE_TOKENS, size=(_BATCH, _PATCHES, 1)))
        features = patches.gather(1, chosen.expand(-1, -1, patches.shape[-1])).flatten(0, 1)
        loss = attribute_loss(head(features), torch.tensor(labels).repeat_interleave(_PATCHES, 0))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        scheduler.step()
        on_step(float(loss.detach()))


def train_projector(
    model: LlavaForConditionalGeneration,
    tokenizer: Any,
    rng: np.random.Generator,
    on_step: Callable[[float], None],
    steps: int,
) -> None:
    """Train tower and projector so that a picture's tokens are the embeddings of its caption's words."""
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    table = model.model.language_model.embed_tokens.weight.detach()
    embeddings = torch.stack([table[token_of(tokenizer, word)] for word in vocabulary()])
    parameters = [*projector.parameters(), *tower.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule(steps, warmup=min(20, steps), flat=0.3))
    for _ in range(steps):
        pixel_values, words = _captioned(rng)
        said = projector(tower(pixel_values=pixel_values).last_hidden_state[:, 1:])
        away = (said - embeddings[words]).square().mean() / embeddings.square().mean()
        nearest = -torch.cdist(said.flatten(0, 1), embeddings).square() / 2
        loss = cross_entropy(nearest, words.flatten()) + away
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        scheduler.step()
        on_step(float(loss.detach()))


def _captioned(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, H, W] and the places of their captions' words in the vocabulary [B, patches]."""
    drawn = [(random_code(rng), random_scene(rng)) for _ in range(_BATCH)]
    images = [draw_person(code, scene) for code, scene in drawn]
    words = vocabulary()
    return pixels(images), torch.tensor([[words.index(word) for word in caption(*looks)] for looks in drawn])
