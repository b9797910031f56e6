"""Adversarial training against textual inversion: searches for words that bring the concept back, during training.

As in Receler (ECCV 2024) and STEREO (CVPR 2025).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import add_noise, predict
from core.unlearning.families.diffusion.model.placeholder import embedding_scales, random_embeddings, with_placeholder
from core.unlearning.families.diffusion.model.text import EncodedPrompts, encode_prompts
from core.unlearning.families.diffusion.training.invert_pictures import WORDS

_RATE = 0.2
"""Learning rate of AdamW, as a part of the embeddings' root mean square."""
_LIFE = 80
"""Steps after which a search restarts from another point."""
_HISTORY = 12
"""Results of ended searches, the latest ones, that training continues to forget."""
_MAX_SCALE = 4.0
"""Random words have 1 to this many times the norm of the embeddings, as the results of searches have."""


class Adversaries:
    """Several searches at once; consecutive rows of consecutive batches use the words of one after the other."""

    def __init__(
        self,
        model: DiffusionModel,
        clean: Tensor,
        templates: Sequence[str],
        start: str,
        vectors: list[Tensor],
        words: str,
        chance: int,
    ) -> None:
        self._model, self._clean, self._templates, self._start, self._vectors = model, clean, templates, start, vectors
        names = words.split()
        every = [" ".join(names[at : at + WORDS]) for at in range(0, len(names), WORDS)]
        ended, last = len(every) - chance - _HISTORY, len(every) - chance
        self._words, self._ended, self._chance = every[:ended], every[ended:last], every[last:]
        groups = [
            {"params": [rows], "lr": _RATE * size}
            for rows, size in zip(vectors, embedding_scales(model.pipe), strict=True)
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self._age = self._ends = 0

    def attack(self, batch: int, generator: torch.Generator) -> None:
        """One optimiser step of each search towards words that make the current model draw the entity."""
        for rows_of, gradient in zip(self._vectors, self._gradients(batch, generator), strict=True):
            rows_of.grad = gradient
        self._optimizer.step()
        self._restart_due()

    def _gradients(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        picked = torch.randint(0, len(self._clean), (batch,), generator=generator)
        rows = add_noise(self._model, self._clean[picked.to(self._clean.device)], generator)
        text, _ = self._encode_templates(self._next_words(batch), generator)
        loss = mse_loss(predict(self._model, rows, text).float(), rows.target.float())
        return torch.autograd.grad(loss, self._vectors)

    @torch.no_grad()
    def current_prompts(self, batch: int, generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        """Templates with the current words of the searches, and the index of each row's template [batch].

        Half of the rows use results of ended searches, once there are any.
        """
        count = min(self._ends, len(self._ended))
        ended = batch // 2 if count else 0
        before = torch.randint(0, max(1, count), (ended,), generator=generator).tolist()
        return self._encode_templates([*self._next_words(batch - ended), *(self._ended[n] for n in before)], generator)

    @torch.no_grad()
    def random_prompts(self, generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        """Templates with random words, new ones in each call, and the index of each row's template."""
        count = len(self._chance)
        scale = (_MAX_SCALE ** torch.rand(count, 1, generator=generator)).repeat_interleave(WORDS, 0)
        for rows, size in zip(self._vectors, embedding_scales(self._model.pipe), strict=True):
            fresh = scale * torch.randn(len(scale), rows.shape[1], generator=generator)
            rows[len(rows) - len(scale) :] = size * fresh.to(rows)
        return self._encode_templates(self._chance, generator)

    def _next_words(self, batch: int) -> list[str]:
        first = self._age * batch
        return [self._words[(first + row) % len(self._words)] for row in range(batch)]

    def _encode_templates(self, words: Sequence[str], generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        chosen = torch.randint(0, len(self._templates), (len(words),), generator=generator)
        prompts = [self._templates[n].replace("{}", found) for n, found in zip(chosen.tolist(), words, strict=True)]
        return encode_prompts(self._model.pipe, prompts), chosen.to(self._model.device)

    def _restart_due(self) -> None:
        """Restart the searches in turns, so that each runs for `_LIFE` steps."""
        self._age += 1
        turn, left = divmod(self._age * len(self._words), _LIFE)
        if left < len(self._words):
            self._restart(WORDS * (turn % len(self._words)))

    @torch.no_grad()
    def _restart(self, at: int) -> None:
        """Restart the search in the rows from `at`; its result goes into the history."""
        fresh = random_embeddings(self._model.pipe, self._start, WORDS, seed=self._age)
        to = WORDS * (len(self._words) + self._ends % _HISTORY)
        self._ends += 1
        for rows, new in zip(self._vectors, fresh, strict=True):
            rows[to : to + WORDS] = rows[at : at + WORDS]
            rows[at : at + WORDS] = new


@contextmanager
def searching_adversaries(
    model: DiffusionModel, clean: Tensor, templates: Sequence[str], start: str, count: int, seed: int, chance: int = 0
) -> Iterator[Adversaries | None]:
    """`count` searches, None for 0. On exit their words are removed from the pipeline.

    `clean`: latents of the entity's pictures; `templates`: prompts with {} for the words; `start`: words from which the
    searches start; `chance`: number of random words beside theirs.
    """
    if not count:
        yield None
        return
    every = (count + _HISTORY + chance) * WORDS
    vectors = [rows.requires_grad_() for rows in random_embeddings(model.pipe, start, every, seed)]
    with with_placeholder(model.pipe, vectors) as words:
        yield Adversaries(model, clean, templates, start, vectors, words, chance)
