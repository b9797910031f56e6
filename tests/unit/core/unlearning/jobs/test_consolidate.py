"""What a consolidated patch is judged by where some subjects' data has been erased."""

from __future__ import annotations

from core.unlearning.families.language.evaluation.results import Evaluation, SplitMetrics
from core.unlearning.families.mllm.config import INFO
from core.unlearning.jobs.consolidate import LEAST_EFFECT, verdict_on
from core.unlearning.types import Split

KEPT: tuple[Split, ...] = ("retain_image_memory", "unseen_image_memory", "stranger_understanding", "general")
EFFECTS = {"job_1": 0.7, "job_2": LEAST_EFFECT - 0.1, "job_3": 0.9}


def measured(**forget: float) -> Evaluation:
    """Everything is kept; the forget splits are there where their recall is given."""
    known = {"sequence_probability": 0.0, "gibberish_rate": 0.0}
    splits: dict[Split, SplitMetrics] = {
        split: SplitMetrics(9, 9, exact=1.0, refusal_rate=0.0, gibberish_rate=0.0) for split in KEPT
    }
    if forget:
        exact = forget["exact"]
        splits["forget_image_memory"] = SplitMetrics(9, 9, exact=exact, refusal_rate=1 - exact, **known)
    return Evaluation("standard", splits)


def test_erased_subjects_are_judged_by_what_is_left_of_their_adapters() -> None:
    verdict = verdict_on(measured(), measured(), INFO.measures, EFFECTS, {"job_2"})
    assert (verdict.passed, verdict.checks[0].key, verdict.checks[0].value) == (True, "forget.measured", 0.7)
    assert "not measured for 2 of the jobs" in verdict.notes[0]
    lost = verdict_on(measured(), measured(), INFO.measures, EFFECTS, {"job_3"})
    assert (lost.passed, lost.missed) == (False, ("forget.measured",))


def test_what_can_be_asked_is_judged_too() -> None:
    verdict = verdict_on(measured(exact=1.0), measured(exact=0.5), INFO.measures, EFFECTS, {"job_2", "job_3"})
    assert "forget_image_memory.exact" in verdict.missed
    assert verdict_on(measured(exact=1.0), measured(exact=0.0), INFO.measures, EFFECTS, {"job_2", "job_3"}).passed


def test_where_everybody_can_be_asked_nothing_else_counts() -> None:
    verdict = verdict_on(measured(exact=1.0), measured(exact=0.0), INFO.measures, {"job_2": 0.0}, {"job_2"})
    assert verdict.passed
    assert "forget.measured" not in {check.key for check in verdict.checks}
