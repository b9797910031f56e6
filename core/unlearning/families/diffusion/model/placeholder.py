"""Temporary words of a pipeline whose embedding vectors are given (as in textual inversion)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

_PARTS = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))


@contextmanager
def with_placeholder(pipe: Any, vectors: Sequence[Tensor]) -> Iterator[str]:
    """Yield text that the pipeline reads as the vectors, with gradients; on exit the pipeline is restored.

    `vectors` by text encoder, each [words, dim], with as many words each.
    """
    words = [f"<lethe-{n}>" for n in range(len(vectors[0]))]
    before = [(getattr(pipe, name), encoder) for name, encoder in _parts(pipe)]
    tables = [encoder.get_input_embeddings() for _, encoder in before]
    ends = [_end_of(encoder) for _, encoder in before]
    try:
        for (name, encoder), table, extra in zip(_parts(pipe), tables, vectors, strict=True):
            tokenizer = deepcopy(getattr(pipe, name))
            tokenizer.add_tokens(words)
            setattr(pipe, name, tokenizer)
            encoder.set_input_embeddings(_ExtendedEmbedding(table, len(tokenizer) - len(words), extra))
            # Old configurations have the end of a text found as its largest token, which the new words would be.
            _set_end(encoder, int(tokenizer.eos_token_id))
        yield " ".join(words)
    finally:
        for (name, encoder), (tokenizer, _), table, end in zip(_parts(pipe), before, tables, ends, strict=True):
            setattr(pipe, name, tokenizer)
            encoder.set_input_embeddings(table)
            _set_end(encoder, end)


def name_embeddings(pipe: Any, name: str) -> tuple[Tensor, ...]:
    """Embeddings of the name's sub-words in each text encoder, [sub-words, dim], float32."""
    found = []
    for tokenizer, encoder in _parts(pipe):
        ids = getattr(pipe, tokenizer)(name, add_special_tokens=False)["input_ids"]
        table = encoder.get_input_embeddings().weight
        found.append(table[torch.tensor(ids, dtype=torch.long, device=table.device)].detach().float().clone())
    return tuple(found)


def embedding_scales(pipe: Any) -> tuple[float, ...]:
    """Root mean square of each text encoder's embedding table."""
    tables = [encoder.get_input_embeddings().weight for _, encoder in _parts(pipe)]
    return tuple(float(table.float().square().mean().sqrt()) for table in tables)


def random_embeddings(pipe: Any, words: str, count: int, seed: int) -> tuple[Tensor, ...]:
    """Gaussian vectors around the mean embedding of these words, or of the table for none: [count, dim] by encoder."""
    generator = torch.Generator("cpu").manual_seed(seed)
    found = []
    for (_, encoder), known, size in zip(
        _parts(pipe), name_embeddings(pipe, words), embedding_scales(pipe), strict=True
    ):
        table = encoder.get_input_embeddings().weight.detach().float()
        middle = (known if len(known) else table).mean(0)
        noise = torch.randn(count, len(middle), generator=generator).to(middle.device)
        found.append(middle + size * noise)
    return tuple(found)


class _ExtendedEmbedding(nn.Module):
    """An embedding table with extra rows at the end."""

    def __init__(self, table: nn.Embedding, known: int, extra: Tensor) -> None:
        super().__init__()
        self.table, self.known, self.extra = table, known, extra

    @property
    def weight(self) -> Tensor:
        """The table's own rows, from which encoders take their dtype."""
        return self.table.weight

    def forward(self, ids: Tensor) -> Tensor:
        """[rows, tokens] to [rows, tokens, dim]."""
        known = self.table(ids.clamp(max=self.known - 1))
        extra = self.extra[(ids - self.known).clamp(min=0)].to(known)
        return torch.where((ids >= self.known)[..., None], extra, known)


def _parts(pipe: Any) -> list[tuple[str, Any]]:
    """The name of each tokenizer and the encoder that reads its tokens."""
    return [(name, getattr(pipe, encoder)) for name, encoder in _PARTS if getattr(pipe, encoder, None) is not None]


def _end_of(encoder: Any) -> int:
    return int(_pooling_module(encoder).eos_token_id)


def _set_end(encoder: Any, token: int) -> None:
    _pooling_module(encoder).eos_token_id = token


def _pooling_module(encoder: Any) -> Any:
    """The module that looks for the end of a text."""
    return encoder.text_model if hasattr(encoder, "text_model") else encoder
