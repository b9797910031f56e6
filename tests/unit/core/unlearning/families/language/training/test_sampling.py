"""How many rows a training step takes."""

from __future__ import annotations

import torch

from core.unlearning.families.language.model.encoded import Encoded, Vision
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.sampling import ANSWER_TOKENS, RowSampler, within_budget


def _rows(answer_tokens: int) -> list[TrainingRow]:
    ids = torch.arange(10 + answer_tokens)
    return [TrainingRow(Encoded(ids, 10, {}, Vision({})))] * 8


def test_rows_with_short_answers_are_all_taken() -> None:
    samplers = [RowSampler(_rows(3), 24), RowSampler(_rows(10), 40)]
    assert [sampler.count for sampler in within_budget(samplers)] == [24, 40]


def test_long_answers_leave_fewer_rows_in_the_same_shares() -> None:
    found = within_budget([RowSampler(_rows(40), 24), RowSampler(_rows(60), 40), RowSampler([], 4)])
    forget, keep, none = (sampler.count for sampler in found)
    assert 40 * forget + 60 * keep <= 1.1 * ANSWER_TOKENS
    assert abs(forget / keep - 24 / 40) < 0.1
    assert none == 1


def test_at_least_one_row_is_taken_however_long() -> None:
    assert [sampler.count for sampler in within_budget([RowSampler(_rows(5000), 24)])] == [1]
