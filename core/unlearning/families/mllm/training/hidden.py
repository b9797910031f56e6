"""What passes through chosen modules where answers are formed: at the position before each answer token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.model.model import MultimodalLM

Side = Literal["input", "output"]


@dataclass
class Passing:
    """By module, [n, width] in float32, of n positions; `rows` [n] says whose."""

    rows: Tensor
    at: dict[str, Tensor] = field(default_factory=dict)


def passing(lm: MultimodalLM, model: Any, encoded: Sequence[Encoded], modules: Sequence[str], side: Side) -> Passing:
    """One forward pass. Differentiable where the caller allows gradients."""
    batch = lm.to_batch(encoded)
    found = Passing(batch.rows)

    def note(name: str, states: Tensor) -> None:
        found.at[name] = states[batch.sequences, batch.columns].float()

    with _watched(lm.model, modules, side, note):
        answer_logits(model, batch)
    return found


@contextmanager
def _watched(
    model: nn.Module, modules: Sequence[str], side: Side, note: Callable[[str, Tensor], None]
) -> Iterator[None]:
    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, inputs: Any, output: Any) -> None:
            seen = inputs if side == "input" else output
            note(name, seen[0] if isinstance(seen, tuple) else seen)

        return hook

    handles = [model.get_submodule(name).register_forward_hook(watch(name)) for name in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
