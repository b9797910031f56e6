"""The losses of the methods for multimodal language models, against the papers' formulas in float64 numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core.unlearning.families.language.model.encoded import Encoded, Vision
from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.training import row_losses
from core.unlearning.families.language.training.row_losses import answer_log_probs, mean_answer_losses
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.teacher import Teacher
from core.unlearning.methods.dpo.losses import dpo
from core.unlearning.methods.manu.importance import Activity, highest, scores
from core.unlearning.methods.mmunlearner.losses import saliency
from core.unlearning.methods.npo.losses import npo
from core.unlearning.methods.rmu.losses import control, distance
from core.unlearning.methods.shared.ascent import ascent
from core.unlearning.methods.simnpo.losses import simnpo
from core.unlearning.methods.task_arithmetic.method import ScalePoint, best
from core.unlearning.methods.undial.losses import soft_cross_entropy

LENGTHS = (3, 1, 5)
VOCABULARY = 17


@pytest.fixture
def out() -> AnswerLogits:
    """Three answers of different lengths."""
    generator = torch.Generator().manual_seed(1)
    count = sum(LENGTHS)
    logits = 3 * torch.randn(count, VOCABULARY, generator=generator)
    targets = torch.randint(0, VOCABULARY, (count,), generator=generator)
    return AnswerLogits(logits, targets, torch.repeat_interleave(torch.arange(3), torch.tensor(LENGTHS)))


def token_log_probs(out: AnswerLogits) -> list[np.ndarray[Any, Any]]:
    """log p of each token, answer by answer, in float64."""
    logits = out.logits.double().numpy()
    shifted = logits - logits.max(1, keepdims=True)
    table = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    chosen = table[np.arange(len(table)), out.targets.numpy()]
    return np.split(chosen, np.cumsum(LENGTHS)[:-1])


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)  # type: ignore[no-any-return]


def row(**more: Any) -> TrainingRow:
    return TrainingRow(Encoded(torch.tensor([1, 2]), 1, {}, Vision()), **more)


def assert_close(found: torch.Tensor, wanted: Any) -> None:
    np.testing.assert_allclose(found.double().numpy(), wanted, rtol=2e-6, atol=1e-6)


def test_log_probabilities_are_summed_and_losses_averaged_by_answer(out: AnswerLogits) -> None:
    tokens = token_log_probs(out)
    assert_close(answer_log_probs(out, 3), [t.sum() for t in tokens])
    assert_close(mean_answer_losses(out, 3), [-t.mean() for t in tokens])


def test_gradient_ascent(out: AnswerLogits) -> None:
    assert_close(ascent(out, [row()] * 3), [t.mean() for t in token_log_probs(out)])


def test_rows_to_forget_and_to_keep_have_their_own_losses_in_one_pass(
    out: AnswerLogits, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Model:
        device = torch.device("cpu")
        to_batch = len

    rows = [row(kind="memory"), row(), row(kind="declined")]
    monkeypatch.setattr(row_losses, "answer_logits", lambda *_: out)
    losses = row_losses.forgetting_loss(ascent)(Model(), None, rows)  # type: ignore[arg-type]
    tokens = token_log_probs(out)
    assert_close(losses, [-tokens[0].mean(), tokens[1].mean(), -tokens[2].mean()])


def test_answers_beside_those_to_forget_follow_them(monkeypatch: pytest.MonkeyPatch, out: AnswerLogits) -> None:
    class Model:
        device = torch.device("cpu")
        to_batch = len

    other = row().encoded
    seen: list[AnswerLogits] = []

    def forget(part: AnswerLogits, rows: Any) -> torch.Tensor:
        seen.append(part)
        return torch.zeros(len(rows))

    monkeypatch.setattr(row_losses, "answer_logits", lambda *_: out)
    row_losses.forgetting_loss(forget)(Model(), None, [row(kind="memory"), row(alternative=other)])  # type: ignore[arg-type]
    assert seen[0].rows.tolist() == [0, 1, 1, 1, 1, 1]
    assert torch.equal(seen[0].logits, out.logits[3:])


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_npo(out: AnswerLogits, beta: float) -> None:
    reference = torch.tensor([-0.2, -3.0, -9.0])
    ratios = np.exp([t.sum() for t in token_log_probs(out)] - reference.double().numpy())
    assert_close(npo(answer_log_probs(out, 3), reference, beta), 2 / beta * np.log(1 + ratios**beta))


def test_npo_becomes_gradient_ascent_as_beta_vanishes(out: AnswerLogits) -> None:
    """Proposition 1 of the paper: the loss less 2/beta log 2 tends to log p - log p_frozen."""
    beta, reference = 1e-5, torch.tensor([-1.0, -2.0, -3.0])
    wanted = [t.sum() + n for n, t in enumerate(token_log_probs(out), start=1)]
    found = npo(answer_log_probs(out, 3).double(), reference.double(), beta) - 2 / beta * np.log(2)
    np.testing.assert_allclose(found.numpy(), wanted, atol=0.01)


@pytest.mark.parametrize(("beta", "gamma"), [(2.5, 0.0), (4.5, 0.5)])
def test_simnpo(out: AnswerLogits, beta: float, gamma: float) -> None:
    odds = np.exp([-beta * t.mean() - gamma for t in token_log_probs(out)])
    assert_close(simnpo(mean_answer_losses(out, 3), beta, gamma), 2 / beta * np.log(1 + 1 / odds))


def test_dpo() -> None:
    preferred, rejected = torch.tensor([1.0, -2.0, 5.0]), torch.tensor([0.5, 3.0, -40.0])
    margin = preferred.double().numpy() - rejected.double().numpy()
    assert_close(dpo(preferred, rejected, 0.1), 20 * np.log(1 + np.exp(-0.1 * margin)))


def test_undial(out: AnswerLogits) -> None:
    frozen = torch.randn(len(out.logits), VOCABULARY, generator=torch.Generator().manual_seed(2)).double().numpy()
    adjusted = frozen.copy()
    adjusted[np.arange(len(frozen)), out.targets.numpy()] -= 10
    teacher = softmax(adjusted)
    wanted = -(teacher * np.log(softmax(out.logits.double().numpy()))).sum(-1)
    whole = Teacher(torch.arange(VOCABULARY).expand(len(frozen), -1), torch.tensor(teacher).float())
    assert_close(soft_cross_entropy(out.logits, whole), wanted)
    top = whole.probs.topk(5, -1)
    rest = 1 - top.values.double().numpy().sum(-1)
    student = softmax(out.logits.double().numpy())
    inside = np.take_along_axis(student, top.indices.numpy(), -1)
    binned = -(top.values.double().numpy() * np.log(inside)).sum(-1) - rest * np.log(1 - inside.sum(-1))
    np.testing.assert_allclose(
        soft_cross_entropy(out.logits, Teacher(top.indices, top.values)).numpy(), binned, rtol=1e-4
    )


def test_rmu_measures_squares_to_a_random_direction_of_the_asked_length() -> None:
    vector = control(12, 7.0, seed=3)
    assert float(vector.norm()) == pytest.approx(7, rel=1e-6)
    assert (vector >= 0).all()
    assert torch.equal(vector, control(12, 7.0, seed=3))
    states = torch.randn(4, 12, generator=torch.Generator().manual_seed(1))
    wanted = ((states.double().numpy() - vector.double().numpy()) ** 2).mean(-1)
    assert_close(distance(states, vector.expand(4, -1)), wanted)


def test_manu_scores_neurons_by_four_statistics_of_their_activations() -> None:
    generator = torch.Generator().manual_seed(1)
    forget, keep = 2 * torch.randn(30, 8, generator=generator), torch.randn(50, 8, generator=generator)
    found = []
    for activations in (forget, keep):
        activity = Activity(above=0.5)
        for part in activations.split(7):
            activity.add(part)
        found.append(activity)

    def importance(z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.stack([np.abs(z).mean(0), (np.abs(z) > 0.5).mean(0), z.std(0), np.sqrt((z**2).mean(0))])

    ratio = importance(forget.double().numpy()) / (importance(keep.double().numpy()) + 1e-5)
    assert_close(scores(*found), ratio.sum(0))
    assert highest(scores(*found), 0.25).tolist() == sorted(np.argsort(-ratio.sum(0))[:2].tolist())
    assert len(highest(torch.ones(8), 1e-6)) == 1


def test_mmunlearner_changes_weights_that_matter_more_to_the_forgotten() -> None:
    forget, keep = torch.tensor([[1.0, 2.0, 0.0, 3.0]]), torch.tensor([[2.0, 2.0, 0.0, 0.0]])
    assert saliency(forget, keep, 1.0).tolist() == [[False, True, True, True]]
    assert saliency(forget, keep, 1.5).tolist() == [[False, False, False, True]]


def test_task_arithmetic_takes_the_strongest_forgetting_within_the_floor() -> None:
    points = [ScalePoint(0.5, 1.2, 1.0), ScalePoint(1.0, 0.4, 0.96), ScalePoint(2.0, 0.0, 0.3)]
    assert best(points, 0.95).scale == 1.0
    assert best(points, 0.99).scale == 0.5
    assert best(points[1:], 1.0).scale == 1.0
