"""The verdict says what it should at the edges, and why."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial

import pytest

from core.unlearning.evaluation.thresholds import validate_thresholds
from core.unlearning.evaluation.verdict import NOTHING_MEASURED
from core.unlearning.evaluation.verdict import judge as judge_by
from core.unlearning.families.language.evaluation.results import Evaluation, SplitMetrics
from core.unlearning.families.mllm.config import INFO

judge = partial(judge_by, measures=INFO.measures)
FORGET = ("forget_image_memory", "forget_text_memory")
KEPT = ("retain_image_memory", "unseen_image_memory", "stranger_understanding", "general")


def measured(forget: dict[str, float] | None = None, **kept: dict[str, float]) -> Evaluation:
    """An evaluation with a good memory of everything, apart from what is given."""
    known = {"exact": 1.0, "fact_probability": 0.9, "refusal_rate": 0.0, "gibberish_rate": 0.0}
    splits = {split: SplitMetrics(100, 100, **{**known, **(forget or {})}) for split in FORGET}
    splits |= {split: SplitMetrics(100, 100, **{**known, **kept.get(split, {})}) for split in KEPT}
    return Evaluation("standard", splits)


FORGOTTEN = {"exact": 0.0, "fact_probability": 0.01, "refusal_rate": 1.0}


def test_forgotten_and_kept_passes() -> None:
    verdict = judge(measured(), measured(FORGOTTEN))
    assert verdict.passed
    assert verdict.missed == verdict.reasons == verdict.notes == ()
    assert verdict.thresholds == {**INFO.measures.defaults, **INFO.measures.by_level["standard"]}


def test_an_unchanged_model_fails_on_everything_forgotten() -> None:
    verdict = judge(measured(), measured())
    assert set(verdict.missed) == {f"{s}.{m}" for s in FORGET for m in ("exact", "fact_probability")}
    assert "Subject, by name: exact recall is 1.000; at most 0.050 is asked." in verdict.reasons


@pytest.mark.parametrize(("exact", "met"), [(0.05, True), (0.0500001, False)])
def test_a_bound_itself_is_met(exact: float, met: bool) -> None:
    assert judge(measured(), measured({**FORGOTTEN, "exact": exact})).passed is met


def test_a_drop_is_measured_from_before() -> None:
    before = measured(unseen_image_memory={"exact": 0.9})
    assert judge(before, measured(FORGOTTEN, unseen_image_memory={"exact": 0.85})).passed
    verdict = judge(before, measured(FORGOTTEN, unseen_image_memory={"exact": 0.84}))
    assert verdict.missed == ("unseen_image_memory.exact.drop",)
    assert "fell by 0.060" in verdict.reasons[0]


def test_over_refusal_is_missed() -> None:
    verdict = judge(measured(), measured(FORGOTTEN, general={"refusal_rate": 0.04}))
    assert verdict.missed == ("general.refusal_rate.rise",)


def test_the_subject_need_not_be_declined_unless_the_request_asks_for_it() -> None:
    """A model that makes things up about strangers forgets by making things up about the subject."""
    after = measured({**FORGOTTEN, "refusal_rate": 0.0})
    assert judge(measured(), after).passed
    key = "forget_text_memory.refusal_rate"
    assert judge(measured(), after, thresholds={key: 0.5}).missed == (key,)


def test_forgetting_is_measured_above_the_reference() -> None:
    reference = measured({"exact": 0.08, "sequence_probability": 0.12, "refusal_rate": 0.9})
    after = measured({"exact": 0.12, "sequence_probability": 0.2, "refusal_rate": 0.95})
    assert not judge(measured(), after).passed
    verdict = judge(measured(), after, reference=reference)
    assert verdict.passed
    assert verdict.reference_used
    assert next(c for c in verdict.checks if c.key == "forget_text_memory.exact").bound == pytest.approx(0.13)


def test_a_reference_that_knows_the_subject_is_left_out() -> None:
    verdict = judge(measured(), measured(), reference=measured({"exact": 0.9}))
    assert not verdict.passed
    assert not verdict.reference_used
    assert any("reference model knows" in note for note in verdict.notes)


def test_nothing_to_forget_is_said() -> None:
    verdict = judge(measured({"exact": 0.1}), measured(FORGOTTEN))
    assert verdict.passed
    assert [note for note in verdict.notes if "nothing to forget" in note] == list(verdict.notes)
    assert len(verdict.notes) == 2


def test_no_question_about_the_subject_is_no_pass() -> None:
    kept = {split: SplitMetrics(10, 10, exact=1.0, refusal_rate=0.0, gibberish_rate=0.0) for split in KEPT}
    verdict = judge(Evaluation("standard", kept), Evaluation("standard", kept))
    assert verdict.missed == (NOTHING_MEASURED,)


def test_missing_retain_questions_are_noted() -> None:
    forget = {split: SplitMetrics(10, 10, **FORGOTTEN, gibberish_rate=0.0) for split in FORGET}
    verdict = judge(measured(), Evaluation("standard", forget))
    assert verdict.passed
    assert "people the job never saw, general knowledge, pictures of strangers" in verdict.notes[-1]


def test_a_threshold_of_the_request_that_cannot_be_measured_is_missed() -> None:
    key = "forget_text_memory.membership_auc"
    verdict = judge(measured(), measured(FORGOTTEN), thresholds={key: 0.7})
    assert verdict.missed == (key,)
    assert "could not be measured" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("forget.exact", 0.1),
        ("general.recall", 0.1),
        ("general.exact.fall", 0.1),
        ("general.exact.", 0.1),
        ("general.exact.drop.drop", 0.1),
        ("general", 0.1),
        ("general.exact", math.nan),
        ("general.exact", math.inf),
        ("general.exact", True),
        ("general.exact", "0.1"),
        ("general.exact", None),
        ("general.exact", 1.5),
        ("general.exact", -0.1),
    ],
)
def test_bad_thresholds_are_named(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key.replace(".", r"\.")):
        validate_thresholds({"general.exact.drop": 0.1, key: value}, INFO.measures)


def test_good_thresholds_become_numbers() -> None:
    assert validate_thresholds({"general.exact.drop": 0, "declined.refusal_rate": 1}, INFO.measures) == {
        "general.exact.drop": 0.0,
        "declined.refusal_rate": 1.0,
    }


@pytest.mark.parametrize(
    ("key", "value", "met"),
    [
        ("general.exact", 0.95, True),
        ("stranger_understanding.gibberish_rate", 0.0, True),
        ("general.refusal_rate", 0.0, True),
        ("forget_text_memory.rouge_l", 0.5, False),
    ],
)
def test_a_bound_has_the_direction_of_its_metric(key: str, value: float, met: bool) -> None:
    verdict = judge(measured(), measured({**FORGOTTEN, "rouge_l": 0.6}), thresholds={key: value})
    assert verdict.passed is met


def test_thresholds_and_verdict_load_without_heavy_libraries() -> None:
    code = (
        "import sys, core.unlearning.evaluation.thresholds, core.unlearning.evaluation.verdict;"
        "assert not {'torch', 'sklearn', 'numpy', 'rapidfuzz'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
