"""Natural gradient steps with respect to the retain set: smaller in directions that change its predictions.

Of a linear layer y = W x let g be the gradient at y of the loss of labels drawn from what the model itself predicts for
kept examples. Their Fisher matrix is about E[x x'] (x) E[g g'] (K-FAC: Martens & Grosse, ICML 2015), and the natural
gradient of W is E[g g']^-1 dW E[x x']^-1. Here each factor is divided by its mean diagonal and damped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from core.unlearning.types import Example


@contextmanager
def natural_gradients(
    model: AudioVisualModel,
    parameters: Sequence[nn.Parameter],
    keep: Sequence[Example],
    damping: float,
    generator: torch.Generator,
) -> Iterator[None]:
    """Inside, gradients of linear layers' weights among `parameters` are natural gradients; others are unchanged."""
    trained = {id(parameter) for parameter in parameters}
    layers = [each for each in model.model.modules() if isinstance(each, nn.Linear) and id(each.weight) in trained]
    inputs, outputs = _moments(model, layers, model.encode(keep), generator)
    hooks = []
    for layer, output in outputs.items():
        left, right = inverse(output, damping), inverse(inputs[layer], damping)
        weight: Any = layer.weight  # whose hooks carry no types
        hooks.append(weight.register_hook(partial(_natural, left, right)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def inverse(moment: Tensor, damping: float) -> Tensor:
    """Of a second moment [d, d] over its mean diagonal, plus the damping; identity where nothing flows yet."""
    one, scale = torch.eye(len(moment)).to(moment), moment.diagonal().mean()
    return torch.linalg.inv(moment / scale + damping * one) if float(scale) > 0 else one


def _natural(left: Tensor, right: Tensor, gradient: Tensor) -> Tensor:
    return (left @ gradient.float() @ right).to(gradient.dtype)


def _moments(
    model: AudioVisualModel, layers: Sequence[nn.Linear], keep: Batch, generator: torch.Generator
) -> tuple[dict[nn.Linear, Tensor], dict[nn.Linear, Tensor]]:
    """E[x x'] and, up to a factor, E[g g'] of every layer, over all examples and positions."""
    inputs, outputs = dict[nn.Linear, Tensor](), dict[nn.Linear, Tensor]()

    def look(layer: Any, given: Any, out: Any) -> None:
        inputs[layer] = _moment(given[0])
        out.register_hook(lambda gradient: outputs.__setitem__(layer, _moment(gradient)))

    hooks = [layer.register_forward_hook(look) for layer in layers]
    try:
        predicted = model.forward(keep)
        halves = [half.float() for half in (predicted.visual_logits, predicted.audio_logits) if half is not None]
        loss = torch.stack([_sampled_loss(half, generator) for half in halves]).sum()
        torch.autograd.grad(loss, [layer.weight for layer in layers], allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    return inputs, outputs


def _sampled_loss(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Cross-entropy with labels sampled from the prediction."""
    drawn = torch.multinomial(logits.detach().softmax(-1).cpu(), 1, generator=generator)[:, 0]
    return cross_entropy(logits, drawn.to(logits.device), reduction="sum")


@torch.no_grad()
def _moment(values: Tensor) -> Tensor:
    """The mean of v v' over vectors v [..., d]."""
    flat = values.detach().float().flatten(0, -2)
    return flat.T @ flat / len(flat)
