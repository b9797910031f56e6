"""Words that are searched for while the model forgets, so that it forgets them too.

As adversarial training does it (Receler, ECCV 2024; STEREO, CVPR 2025), with textual inversion as the attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import noised, predict
from core.unlearning.families.diffusion.pictured import WORDS
from core.unlearning.families.diffusion.placeholder import new_vectors, placeholder, spread
from core.unlearning.families.diffusion.text import Text, encode

_RATE = 0.2
"""Of AdamW, as a part of the embeddings' root mean square."""
_LIFE = 60
"""Steps after which an adversary begins again from somewhere else."""


class Adversaries:
    """Several searches at once. The rows of batch after batch ask with the words of one after the other."""

    def __init__(
        self, model: DiffusionModel, clean: Tensor, asks: Sequence[str], words: str, vectors: list[Tensor], start: str
    ) -> None:
        self._model, self._clean, self._vectors, self._asks, self._start = model, clean, vectors, asks, start
        names = words.split()
        self._words = [" ".join(names[at : at + WORDS]) for at in range(0, len(names), WORDS)]
        groups = [
            {"params": [rows], "lr": _RATE * size} for rows, size in zip(vectors, spread(model.pipe), strict=True)
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self._age = 0

    def attack(self, batch: int, generator: torch.Generator) -> None:
        """One step of each search towards words that draw what the pictures show, in the model as it is now."""
        picked = torch.randint(0, len(self._clean), (batch,), generator=generator)
        rows = noised(self._model, self._clean[picked.to(self._clean.device)], generator)
        made = predict(self._model, rows, encode(self._model.pipe, self._prompts(batch, generator)))
        loss = mse_loss(made.float(), rows.target.float())
        gradients = torch.autograd.grad(loss, self._vectors)
        for rows_of, gradient in zip(self._vectors, gradients, strict=True):
            rows_of.grad = gradient
        self._optimizer.step()
        self._renew()

    @torch.no_grad()
    def text(self, batch: int, generator: torch.Generator) -> Text:
        """What the searches have come to."""
        return encode(self._model.pipe, self._prompts(batch, generator))

    def _prompts(self, batch: int, generator: torch.Generator) -> list[str]:
        asked = torch.randint(0, len(self._asks), (batch,), generator=generator).tolist()
        first = self._age * batch
        return [
            self._asks[n].replace("{}", self._words[(first + row) % len(self._words)]) for row, n in enumerate(asked)
        ]

    def _renew(self) -> None:
        """The adversaries take turns in beginning again."""
        self._age += 1
        turn, left = divmod(self._age * len(self._words), _LIFE)
        if left < len(self._words):
            at = WORDS * (turn % len(self._words))
            fresh = new_vectors(self._model.pipe, self._start, WORDS, seed=self._age)
            with torch.no_grad():
                for rows, new in zip(self._vectors, fresh, strict=True):
                    rows[at : at + WORDS] = new


@contextmanager
def adversaries(
    model: DiffusionModel, clean: Tensor, asks: Sequence[str], start: str, count: int, seed: int
) -> Iterator[Adversaries | None]:
    """`count` of them; None for none. Their words leave the pipeline with them.

    `clean`: pictures of what is to be forgotten; `asks`: prompts with {} for the words; `start`: where they begin.
    """
    if not count:
        yield None
        return
    vectors = [rows.requires_grad_() for rows in new_vectors(model.pipe, start, count * WORDS, seed)]
    with placeholder(model.pipe, vectors) as words:
        yield Adversaries(model, clean, asks, words, vectors, start)
