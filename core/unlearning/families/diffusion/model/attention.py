"""The cross-attention of a denoiser: its modules and its attention probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, bmm


def cross_attention(unet: Any) -> dict[str, Any]:
    """Every attn2 module by its path."""
    return {path: module for path, module in unet.named_modules() if path.endswith("attn2")}


def key_values(unet: Any) -> dict[str, Any]:
    """Every linear layer that reads text states, by its path: attn2.to_k and attn2.to_v."""
    modules = cross_attention(unet)
    return {f"{path}.{name}": getattr(modules[path], name) for path in modules for name in ("to_k", "to_v")}


@dataclass
class AttentionMaps:
    """The probabilities [rows, heads, queries, tokens] of one forward pass, by the path of their attn2."""

    layers: dict[str, Tensor] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget the last forward pass."""
        self.layers.clear()


@contextmanager
def capturing_attention(unet: Any) -> Iterator[AttentionMaps]:
    """Record the probabilities of each attn2. Recomputation by gradient checkpointing does not overwrite them."""
    captured = AttentionMaps()
    before = {path: module.processor for path, module in cross_attention(unet).items()}
    try:
        for path, module in cross_attention(unet).items():
            module.set_processor(_CapturingProcessor(path, captured))
        yield captured
    finally:
        for path, module in cross_attention(unet).items():
            module.set_processor(before[path])


class _CapturingProcessor:
    """An attention processor that records its probabilities; equal to the default processor up to rounding."""

    def __init__(self, path: str, captured: AttentionMaps) -> None:
        self._path, self._captured = path, captured

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,  # noqa: ARG002 (given by the denoiser)
        **_: Any,
    ) -> Tensor:
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key, value = attn.head_to_batch_dim(attn.to_k(text)), attn.head_to_batch_dim(attn.to_v(text))
        mask = attn.prepare_attention_mask(attention_mask, text.shape[1], text.shape[0])
        probabilities = attn.get_attention_scores(query, key, mask)
        # Heads vary fastest in a batch of heads: rows come first.
        by_row = probabilities.view(text.shape[0], -1, *probabilities.shape[1:])
        self._captured.layers.setdefault(self._path, by_row)
        mixed = attn.batch_to_head_dim(bmm(probabilities, value))
        projected: Tensor = attn.to_out[1](attn.to_out[0](mixed))
        scaled: Tensor = projected / attn.rescale_output_factor
        return scaled
