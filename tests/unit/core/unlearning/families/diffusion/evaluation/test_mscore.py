"""M-Score against a case that was calculated by hand, and from end to end on a tiny pipeline."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from core.unlearning.families.diffusion.evaluation.mscore import MScore, MScoreComparison, m_score, similarity
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training.inversion import InversionSettings
from tests.support.tiny_pipelines import pipeline


def test_similarity_is_the_mean_of_the_rows_cosines() -> None:
    start = (torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    found = (torch.tensor([[5.0, 0.0], [1.0, 1.0]]), torch.tensor([[4.0, 3.0]]))
    # Rows: 1 and 1/sqrt(2), mean .853553; 24/25 = .96.
    assert similarity(start, found) == pytest.approx((0.853553 + 0.96) / 2, abs=1e-5)


def test_a_drop_stands_beside_that_of_the_controls() -> None:
    compared = MScoreComparison(
        MScore(0.8, 0.02, 1.0),
        MScore(0.5, 0.03, 0.1),
        (MScore(0.9, 0.02, 1.0), MScore(0.7, 0.02, 1.0)),
        (MScore(0.86, 0.02, 1.0), MScore(0.7, 0.02, 1.0)),
    )
    assert compared.drop == pytest.approx(0.3)
    assert compared.control_drop == pytest.approx(0.02)


def test_a_search_of_no_length_stays_where_it_began() -> None:
    model = DiffusionModel(pipeline(), steps=1)
    settings = InversionSettings(steps=1, rate=1e-9, batch=1)
    shown = [Image.new("RGB", (16, 16), "red")]
    found = m_score(
        model,
        "bob",
        shown,
        ("a {}",),
        lambda drawn: [True, *[False] * (len(drawn) - 1)],
        settings=settings,
        seeds=(0, 1),
        draw=4,
    )
    assert found.score == pytest.approx(1.0, abs=1e-5)
    assert found.recovered == 0.25
    assert found.loss > 0
