"""Inputs or outputs of chosen modules at the positions whose logits predict answer tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel

Side = Literal["input", "output"]


@dataclass
class HiddenStates:
    """`at`: by module, [n, width] in float32 at n positions; `rows` [n]: the row of each."""

    rows: Tensor
    at: dict[str, Tensor] = field(default_factory=dict)


def hidden_states(
    lm: LanguageModel, model: Any, encoded: Sequence[Encoded], modules: Sequence[str], side: Side
) -> HiddenStates:
    """One forward pass. Differentiable where the caller allows gradients."""
    batch = lm.to_batch(encoded)
    states = HiddenStates(batch.rows)

    def store(name: str, tensor: Tensor) -> None:
        states.at[name] = tensor[batch.sequences, batch.columns].float()

    with _hooked(lm.model, modules, side, store):
        answer_logits(model, batch)
    return states


@contextmanager
def _hooked(
    model: nn.Module, modules: Sequence[str], side: Side, store: Callable[[str, Tensor], None]
) -> Iterator[None]:
    def hook_for(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, inputs: Any, output: Any) -> None:
            tensors = inputs if side == "input" else output
            store(name, tensors[0] if isinstance(tensors, tuple) else tensors)

        return hook

    handles = [model.get_submodule(name).register_forward_hook(hook_for(name)) for name in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
