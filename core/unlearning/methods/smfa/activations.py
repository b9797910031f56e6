"""Second moments of adapted matrices' inputs on the forgotten questions, which consolidation needs of every job.

For every adapted matrix E[x x'] of its inputs x over the tokens of the questions to forget, by view, stored as the
largest eigenvectors times the square roots of their eigenvalues. It contains no picture, word or name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.batching import run_batched
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.logits import as_dtype
from core.unlearning.families.language.model.model import LanguageModel

FILE = "activations.safetensors"
RANK = 256
"""Eigenvectors stored of each moment."""
VIEWS = ("image", "text")
Moments = dict[str, Tensor]
"""Module to [in, in], float64."""


@torch.no_grad()
def second_moments(lm: LanguageModel, prompts: Sequence[Encoded], modules: Sequence[str]) -> dict[str, Moments]:
    """By view, the moments of each module's inputs in the model as it is now. Views without prompts are left out."""
    found = {}
    for view in VIEWS:
        rows = [row for row in prompts if bool(row.vision) is (view == "image")]
        if rows:
            found[view] = _of_view(lm, rows, modules)
    return found


def _of_view(lm: LanguageModel, rows: Sequence[Encoded], modules: Sequence[str]) -> Moments:
    total: Moments = {}

    def run(batch: list[int]) -> list[None]:
        inputs = collate([rows[i] for i in batch], lm.pad_id, lm.device).inputs
        sums = Moments()
        with _summing_moments(lm.model, modules, inputs["attention_mask"].bool(), sums):
            lm.model(**as_dtype(inputs, lm.model.dtype), use_cache=False)
        # After the pass, since a batch that does not fit into memory is repeated in halves.
        for name, moment in sums.items():
            total[name] = total.get(name, 0) + moment.cpu()
        return [None] * len(batch)

    run_batched(rows, lm.token_budget, run)
    count = sum(len(row) for row in rows)
    return {name: moment / count for name, moment in total.items()}


@contextmanager
def _summing_moments(model: nn.Module, modules: Sequence[str], mask: Tensor, sums: Moments) -> Iterator[None]:
    """Writes the sum of x x' over the unmasked tokens (`mask` [batch, length]) of one forward pass to `sums`."""

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def add(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            tokens = inputs[0].reshape(-1, inputs[0].shape[-1])[mask.reshape(-1)].float()
            sums[name] = (tokens.T @ tokens).double()

        return add

    handles = [model.get_submodule(name).register_forward_pre_hook(hook(name)) for name in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def low_rank_root(moment: Tensor, rank: int = RANK) -> Tensor:
    """Q [at most rank, in] such that Q'Q is the best approximation of the moment of that rank."""
    values, vectors = torch.linalg.eigh(moment.double())
    kept = min(rank, len(values))
    rows: Tensor = (vectors[:, -kept:] * values[-kept:].clamp(min=0).sqrt()).T
    return rows


def write(folder: Path, moments: Mapping[str, Moments]) -> None:
    """Into a recipe's folder."""
    save_file(
        {
            f"{name}.{view}": low_rank_root(m).float().contiguous()
            for view, of in moments.items()
            for name, m in of.items()
        },
        folder / FILE,
    )


class Activations:
    """The stored moments of one recipe."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        if not self._file.is_file():
            raise InvalidInputError(
                "an earlier job's recipe was written by a release that noted no activations", code="invalid_recipe"
            )

    def moment(self, name: str, weights: Mapping[str, float]) -> Tensor:
        """The weighted sum over the stored views of E[x x'] of one module [in, in], float64."""
        with safe_open(self._file, framework="pt") as tensors:
            stored = set(tensors.keys())
            parts = [
                weight * (q.T @ q)
                for view, weight in weights.items()
                if f"{name}.{view}" in stored
                for q in [tensors.get_tensor(f"{name}.{view}").double()]
            ]
        return torch.stack(parts).sum(0)
