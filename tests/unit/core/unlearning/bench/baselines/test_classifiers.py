"""What CCU is compared with does what its formula says."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import entropy
from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers import (
    bad_teaching,
    contrastive,
    fine_tune,
    gradient_ascent,
    neg_grad_plus,
    salun,
    scrub,
    ssd,
)
from core.unlearning.bench.baselines.classifiers.training import BaselineTraining, divergence
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from tests.support.tiny_classifiers import examples, tiny_model, tiny_processor

MODEL = AudioVisualModel(tiny_model(), tiny_processor())
ROWS = MODEL.encode(examples(18))
FORGET, KEEP = ROWS.at(torch.arange(6)), ROWS.at(torch.arange(6, 18))


def _course(epochs: int = 2, lr: float = 1e-2) -> BaselineTraining:
    model = replace(MODEL, model=copy.deepcopy(MODEL.model))
    return BaselineTraining(model, FORGET, KEEP, epochs, lr, batch=4)


def _loss(training: BaselineTraining, rows: Batch) -> float:
    with torch.no_grad():
        return float(cross_entropy(training.model.forward(rows).logits, rows.labels))


def test_divergence_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(0, 2, (5, 4)), rng.normal(0, 2, (5, 4))
    expected = np.mean([entropy(softmax(t), softmax(s)) for t, s in zip(teacher, student, strict=True)])
    found = divergence(torch.tensor(teacher).log_softmax(-1), torch.tensor(student))
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("method", "passes", "forwards"),
    [
        (fine_tune, 2 * 12, 0),
        (gradient_ascent, 2 * 6, 0),
        (neg_grad_plus, 2 * (12 + 9), 0),
        (contrastive, 2 * (4 * 6 + 8 * 4), 0),
        (scrub, 6 + 2 * 12, 6 + 2 * 12),
        (salun, 6 + 2 * (12 + 9), 0),
        (bad_teaching, 2 * (12 + 9), 2 * (12 + 9)),
    ],
    ids=lambda value: value.__name__.rsplit(".", 1)[-1] if hasattr(value, "__name__") else "",
)
def test_everything_they_ask_is_counted(method: object, passes: int, forwards: int) -> None:
    """U is 6 examples in batches of 4 and 2, R is 12 in batches of 4."""
    training = _course()
    method.run(training)  # type: ignore[attr-defined]
    assert (training.sample_passes, training.forward_passes) == (passes, forwards)
    before, after = MODEL.model.state_dict(), training.model.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(bool(torch.isfinite(value).all()) for value in after.values())


def test_ascent_climbs_and_fine_tuning_descends() -> None:
    up, down = _course(4, lr=3e-3), _course(20, lr=3e-3)
    before = _loss(up, FORGET), _loss(down, KEEP)
    gradient_ascent.run(up)
    fine_tune.run(down)
    assert _loss(up, FORGET) > before[0]
    assert _loss(down, KEEP) < before[1]


def test_salun_changes_half_of_the_weights() -> None:
    training = _course(1)
    salun.run(training)
    before, after = dict(MODEL.model.named_parameters()), dict(training.model.model.named_parameters())
    changed = sum(int((before[name] != after[name]).sum()) for name in before)
    assert 0.4 < changed / sum(p.numel() for p in before.values()) <= 0.5 + 1e-3


def test_bad_teaching_makes_the_forgotten_uncertain() -> None:
    fine = _course(20)
    fine_tune.run(replace(fine, keep=FORGET))
    training = replace(_course(12), model=fine.model)

    def certainty() -> float:
        with torch.no_grad():
            return float(training.model.forward(FORGET).logits.softmax(-1).max(-1).values.mean())

    before = certainty()
    bad_teaching.run(training)
    assert certainty() < before - 0.1


def test_ssd_dampens_by_the_fisher_information_of_single_samples() -> None:
    one, others = ROWS.at(torch.tensor([0])), ROWS.at(torch.arange(1, 18))
    training = replace(_course(), forget=one, keep=others)
    ssd.run(training)
    forget, everything = _importance(one), _importance(ROWS)
    after, dampened = dict(training.model.model.named_parameters()), 0
    for name, weight in MODEL.model.named_parameters():
        chosen = forget[name] > 5 * everything[name]
        factor = np.minimum(everything[name] / np.maximum(forget[name], 1e-30), 1)
        expected = np.where(chosen, weight.detach().numpy() * factor, weight.detach().numpy())
        np.testing.assert_allclose(after[name].detach().numpy(), expected, rtol=2e-3, atol=1e-6)
        dampened += int(chosen.sum())
    assert dampened > 0
    assert training.sample_passes == 18


def _importance(rows: Batch) -> dict[str, NDArray[np.float32]]:
    """Sample by sample."""
    model = copy.deepcopy(MODEL.model).requires_grad_(True)
    total: dict[str, NDArray[np.float32]] = {
        name: np.zeros(p.shape, np.float32) for name, p in model.named_parameters()
    }
    for at in range(len(rows)):
        sample = rows.at(torch.tensor([at]))
        model.zero_grad()
        out = model(pixel_values=sample.pixel_values, input_values=sample.input_values)
        cross_entropy(out.logits, sample.labels).backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                total[name] += parameter.grad.numpy() ** 2 / len(rows)
    return total
