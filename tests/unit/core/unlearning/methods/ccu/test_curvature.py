"""Natural gradients, against what float64 numpy makes of the same layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch.nn.functional import cross_entropy

from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.methods.ccu.curvature import inverse, natural_gradients
from tests.support.tiny_classifiers import examples, tiny_model, tiny_processor

DAMPING = 0.3


def _damped(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The second moment of [n, d] over its mean diagonal, damped."""
    moment = vectors.T @ vectors
    return np.asarray(moment / np.diag(moment).mean() + DAMPING * np.eye(len(moment)))


def test_gradients_of_the_head_are_natural_inside_and_plain_after() -> None:
    model = AudioVisualModel(tiny_model(), tiny_processor())
    model.model.requires_grad_(False)
    head = model.model.vision_head
    weights = [head.weight.requires_grad_(True)]
    keep, batch = examples(12), model.encode(examples(5))

    def gradient() -> NDArray[np.float64]:
        predicted = model.forward(batch)
        assert predicted.visual_logits is not None
        (found,) = torch.autograd.grad(cross_entropy(predicted.visual_logits, batch.labels), weights)
        return found.double().numpy()

    plain = gradient()
    with natural_gradients(model, weights, keep, DAMPING, torch.Generator().manual_seed(3)):
        natural = gradient()
    assert np.array_equal(gradient(), plain)

    kept = model.predict(keep)
    assert kept.visual_logits is not None
    assert kept.visual_embeds is not None
    probabilities = softmax(kept.visual_logits.double().numpy(), axis=1)
    drawn = torch.multinomial(kept.visual_logits.softmax(-1), 1, generator=torch.Generator().manual_seed(3))[:, 0]
    wrong = probabilities - np.eye(3)[drawn.numpy()]
    # vec(G^-1 dW A^-1) solves (G (x) A) v = vec(dW), rows first.
    fisher = np.kron(_damped(wrong), _damped(kept.visual_embeds.double().numpy()))
    expected = np.linalg.solve(fisher, plain.ravel()).reshape(plain.shape)
    assert np.allclose(natural, expected, rtol=1e-3, atol=1e-6 * np.abs(expected).max())
    assert not np.allclose(natural, plain, rtol=0.1)


def test_where_nothing_flows_steps_stay_as_they_are() -> None:
    """As behind the second factor of a new LoRA, which is zero."""
    assert torch.equal(inverse(torch.zeros(3, 3), DAMPING), torch.eye(3))
