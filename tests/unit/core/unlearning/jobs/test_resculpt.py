"""What a patch that is sculpted again is judged by: the request's own thresholds hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.unlearning.families.language.evaluation.results import Evaluation, SplitMetrics
from core.unlearning.families.mllm.config import INFO
from core.unlearning.jobs.resculpt import verdict_on
from core.unlearning.methods.base import Resculpted
from core.unlearning.methods.smfa.sweep import FORGET_METRICS
from core.unlearning.types import Split

KEPT: tuple[Split, ...] = ("unseen_text_memory", "general")


def measured(exact: float) -> Evaluation:
    return Evaluation(
        "standard", {split: SplitMetrics(9, 9, exact=exact, refusal_rate=0.0, gibberish_rate=0.0) for split in KEPT}
    )


def result(forget: float | None) -> Resculpted:
    return Resculpted(Path("adapter"), None, {}, forget, FORGET_METRICS)


@pytest.mark.parametrize(
    ("thresholds", "missed"),
    [
        ({}, ()),
        ({"unseen_text_memory.exact.drop": 0.01}, ("unseen_text_memory.exact.drop",)),
        ({f"{split}.exact": 0.0 for split in INFO.measures.judged}, ("forget.measured",)),
    ],
)
def test_the_thresholds_of_the_request_hold(thresholds: dict[str, float], missed: tuple[str, ...]) -> None:
    verdict = verdict_on(measured(1.0), measured(0.97), INFO.measures, result(0.12), thresholds)
    assert verdict.missed == missed


def test_what_no_strength_has_measured_does_not_pass() -> None:
    assert verdict_on(measured(1.0), measured(1.0), INFO.measures, result(None), {}).missed == ("forget.measured",)
