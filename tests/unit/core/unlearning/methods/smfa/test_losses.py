from __future__ import annotations

import pytest
import torch
from torch.nn.functional import kl_div

from core.unlearning.families.language.training import teacher
from core.unlearning.families.language.training.losses import kl_divergence, row_means
from core.unlearning.families.language.training.teacher import Teacher, join_teachers, mean_teacher


def _logits(rows: int, size: int, seed: int) -> torch.Tensor:
    return 3 * torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


def test_divergence_is_kl_when_the_whole_vocabulary_is_kept() -> None:
    target, student = _logits(5, 50, 1).softmax(-1), _logits(5, 50, 2)
    soft = Teacher(torch.arange(50).expand(5, 50), target)
    wanted = kl_div(student.double().log_softmax(-1), target.double(), reduction="none").sum(-1)
    assert torch.allclose(kl_divergence(student, soft).double(), wanted, atol=1e-5)


def test_divergence_puts_all_other_tokens_into_one_bin() -> None:
    target, student = _logits(4, 60, 1).softmax(-1), _logits(4, 60, 2)
    top = target.topk(10, dim=-1)
    found = kl_divergence(student, Teacher(top.indices, top.values))
    inside = student.softmax(-1).gather(1, top.indices)
    p = torch.cat([top.values, 1 - top.values.sum(-1, keepdim=True)], -1).double()
    q = torch.cat([inside, 1 - inside.sum(-1, keepdim=True)], -1).double()
    assert torch.allclose(found.double(), (p * (p / q).log()).sum(-1), atol=1e-4)


def test_a_model_does_not_diverge_from_itself() -> None:
    logits = _logits(3, 40, 1)
    top = logits.softmax(-1).topk(8, dim=-1)
    assert kl_divergence(logits, Teacher(top.indices, top.values)).abs().max() < 1e-5


def test_padding_a_teacher_adds_nothing() -> None:
    student = _logits(2, 40, 3)
    wide, narrow = (_logits(1, 40, seed).softmax(-1).topk(size, dim=-1) for seed, size in ((1, 12), (2, 5)))
    joined = join_teachers(
        [Teacher(wide.indices, wide.values), Teacher(narrow.indices, narrow.values)], torch.device("cpu")
    )
    alone = [
        kl_divergence(student[:1], Teacher(wide.indices, wide.values)),
        kl_divergence(student[1:], Teacher(narrow.indices, narrow.values)),
    ]
    assert torch.allclose(kl_divergence(student, joined), torch.cat(alone), atol=1e-6)


def test_mean_of_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "WHOLE_VOCABULARY", 0)
    monkeypatch.setattr(teacher, "TOP_TOKENS", 30)
    parts = [_logits(3, 30, seed).softmax(-1) for seed in range(3)]
    tops = [part.topk(30, dim=-1) for part in parts]
    found = mean_teacher([Teacher(top.indices, top.values) for top in tops])
    dense = torch.zeros(3, 30).scatter(1, found.indices, found.probs)
    assert torch.allclose(dense, torch.stack(parts).mean(0), atol=1e-6)


def test_row_means() -> None:
    found = row_means(torch.tensor([1.0, 3.0, 5.0, 7.0]), torch.tensor([0, 0, 2, 2]), 3)
    assert found.tolist() == [2.0, 0.0, 6.0]
