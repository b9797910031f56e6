"""Words that are searched for while the model forgets, so that it forgets them too.

As adversarial training does it (Receler, ECCV 2024; STEREO, CVPR 2025), with textual inversion as the attack.
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
"""Of AdamW, as a part of the embeddings' root mean square."""
_LIFE = 80
"""Steps after which an adversary begins again from somewhere else."""
_REMEMBERED = 12
"""Words of searches that have ended, the latest ones, which still are to be forgotten."""
_LARGEST = 4.0
"""Words at random are from one to this many times as large as the embeddings, as those that searches end with."""


class Adversaries:
    """Several searches at once. The rows of batch after batch ask with the words of one after the other."""

    def __init__(
        self,
        model: DiffusionModel,
        clean: Tensor,
        asks: Sequence[str],
        start: str,
        vectors: list[Tensor],
        words: str,
        chance: int,
    ) -> None:
        self._model, self._clean, self._asks, self._start, self._vectors = model, clean, asks, start, vectors
        names = words.split()
        every = [" ".join(names[at : at + WORDS]) for at in range(0, len(names), WORDS)]
        ended, last = len(every) - chance - _REMEMBERED, len(every) - chance
        self._words, self._ended, self._chance = every[:ended], every[ended:last], every[last:]
        groups = [
            {"params": [rows], "lr": _RATE * size}
            for rows, size in zip(vectors, embedding_scales(model.pipe), strict=True)
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self._age = self._ends = 0

    def attack(self, batch: int, generator: torch.Generator) -> None:
        """One step of each search towards words that draw what the pictures show, in the model as it is now."""
        for rows_of, gradient in zip(self._vectors, self._gradients(batch, generator), strict=True):
            rows_of.grad = gradient
        self._optimizer.step()
        self._renew()

    def _gradients(self, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        picked = torch.randint(0, len(self._clean), (batch,), generator=generator)
        rows = add_noise(self._model, self._clean[picked.to(self._clean.device)], generator)
        text, _ = self._asked(self._in_turn(batch), generator)
        loss = mse_loss(predict(self._model, rows, text).float(), rows.target.float())
        return torch.autograd.grad(loss, self._vectors)

    @torch.no_grad()
    def found(self, batch: int, generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        """What the searches have come to, and which of the prompts each row asks with [batch].

        Half of the rows remember searches that have ended, once there are any.
        """
        kept = min(self._ends, len(self._ended))
        ended = batch // 2 if kept else 0
        before = torch.randint(0, max(1, kept), (ended,), generator=generator).tolist()
        return self._asked([*self._in_turn(batch - ended), *(self._ended[n] for n in before)], generator)

    @torch.no_grad()
    def at_random(self, generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        """Words that nobody has searched for, new ones in each call, and which of the prompts each row asks with."""
        count = len(self._chance)
        scale = (_LARGEST ** torch.rand(count, 1, generator=generator)).repeat_interleave(WORDS, 0)
        for rows, size in zip(self._vectors, embedding_scales(self._model.pipe), strict=True):
            fresh = scale * torch.randn(len(scale), rows.shape[1], generator=generator)
            rows[len(rows) - len(scale) :] = size * fresh.to(rows)
        return self._asked(self._chance, generator)

    def _in_turn(self, batch: int) -> list[str]:
        first = self._age * batch
        return [self._words[(first + row) % len(self._words)] for row in range(batch)]

    def _asked(self, words: Sequence[str], generator: torch.Generator) -> tuple[EncodedPrompts, Tensor]:
        asked = torch.randint(0, len(self._asks), (len(words),), generator=generator)
        prompts = [self._asks[n].replace("{}", found) for n, found in zip(asked.tolist(), words, strict=True)]
        return encode_prompts(self._model.pipe, prompts), asked.to(self._model.device)

    def _renew(self) -> None:
        """The adversaries take turns in beginning again."""
        self._age += 1
        turn, left = divmod(self._age * len(self._words), _LIFE)
        if left < len(self._words):
            self._begin(WORDS * (turn % len(self._words)))

    @torch.no_grad()
    def _begin(self, at: int) -> None:
        """Anew, in these rows of the vectors; what they were is remembered."""
        fresh = random_embeddings(self._model.pipe, self._start, WORDS, seed=self._age)
        to = WORDS * (len(self._words) + self._ends % _REMEMBERED)
        self._ends += 1
        for rows, new in zip(self._vectors, fresh, strict=True):
            rows[to : to + WORDS] = rows[at : at + WORDS]
            rows[at : at + WORDS] = new


@contextmanager
def searching_adversaries(
    model: DiffusionModel, clean: Tensor, asks: Sequence[str], start: str, count: int, seed: int, chance: int = 0
) -> Iterator[Adversaries | None]:
    """`count` of them; None for none. Their words leave the pipeline with them.

    `clean`: pictures of what is to be forgotten; `asks`: prompts with {} for the words; `start`: where they begin;
    `chance`: how many words at random there are beside theirs.
    """
    if not count:
        yield None
        return
    every = (count + _REMEMBERED + chance) * WORDS
    vectors = [rows.requires_grad_() for rows in random_embeddings(model.pipe, start, every, seed)]
    with with_placeholder(model.pipe, vectors) as words:
        yield Adversaries(model, clean, asks, start, vectors, words, chance)
