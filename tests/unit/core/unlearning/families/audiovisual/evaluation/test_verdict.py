"""The verdict about a classifier: too much is as wrong as too little, beside a reference or what stands in for one."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from core.unlearning.evaluation import html, model_card, report
from core.unlearning.evaluation.checks import REFERENCE
from core.unlearning.evaluation.thresholds import parse_key, validate_thresholds
from core.unlearning.evaluation.verdict import NOTHING_MEASURED
from core.unlearning.evaluation.verdict import judge as judge_by
from core.unlearning.families.audiovisual.config import MEASURES
from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation, ClassifierMetrics
from core.unlearning.families.audiovisual.presentation import PRESENTATION
from core.unlearning.types import Split

judge = partial(judge_by, measures=MEASURES)
COUNTS: dict[Split, int] = {"forget_examples": 80, "forget_held_out": 40, "retain_examples": 600, "held_out": 500}
ATTACKED = {"interval": (0.32, 0.52), "attack": "loss", "non_members": "forget_held_out"}
GAP = "forget_examples.visual_accuracy.gap"


def measured(visual: float = 1.0, auc: float = 0.6, **kept: dict[str, float]) -> ClassifierEvaluation:
    """A model that tells the forgotten pictures with this accuracy; `kept`: other numbers by split."""
    usual = {"accuracy": 0.95, "visual_accuracy": 0.9, "audio_accuracy": 0.75}
    splits = {split: ClassifierMetrics(n, n, **{**usual, **kept.get(split, {})}) for split, n in COUNTS.items()}
    forgotten = {**usual, "visual_accuracy": visual, "membership_auc": auc, **kept.get("forget_examples", {})}
    splits["forget_examples"] = ClassifierMetrics(80, 80, **forgotten)
    return ClassifierEvaluation("standard", splits, 10, ATTACKED)


REFERENCE_MODEL = measured(0.87, 0.41)


def test_as_a_model_that_never_saw_it_passes() -> None:
    verdict = judge(measured(), measured(0.84, 0.42), reference=REFERENCE_MODEL)
    assert verdict.passed
    assert verdict.reference_used
    assert verdict.notes == ()
    (check,) = [c for c in verdict.checks if c.key == GAP]
    assert (check.value, check.bound, check.target, check.target_is) == (pytest.approx(0.03), 0.04, 0.87, REFERENCE)


@pytest.mark.parametrize(
    ("after", "missed"),
    [
        (measured(1.0, 0.6), {GAP, "forget_examples.membership_auc.gap"}),
        (measured(0.13, 0.10), {GAP, "forget_examples.membership_auc.gap"}),
        (measured(0.87, 0.10), {"forget_examples.membership_auc.gap"}),
        (measured(0.87, 0.41, forget_examples={"audio_accuracy": 0.74}), {"forget_examples.audio_accuracy.drop"}),
        (measured(0.87, 0.41, forget_held_out={"visual_accuracy": 0.7}), {"forget_held_out.visual_accuracy.gap"}),
        (measured(0.87, 0.41, held_out={"accuracy": 0.9}), {"held_out.accuracy.drop"}),
    ],
    ids=["nothing forgotten", "far too much", "conspicuous", "the sounds too", "the person too", "everyone else too"],
)
def test_too_little_and_too_much_are_missed(after: ClassifierEvaluation, missed: set[str]) -> None:
    verdict = judge(measured(), after, reference=REFERENCE_MODEL)
    assert set(verdict.missed) == missed


def test_a_reference_that_tells_the_subject_s_pictures_is_a_reference_all_the_same() -> None:
    assert judge(measured(), measured(0.87, 0.41), reference=REFERENCE_MODEL).reference_used


def test_without_a_reference_the_held_out_pictures_stand_in_and_it_is_said() -> None:
    verdict = judge(measured(), measured(0.86, 0.45))
    assert verdict.passed
    assert not verdict.reference_used
    (check,) = [c for c in verdict.checks if c.key == GAP]
    assert check.target == 0.9
    assert check.target_is == "the unchanged model on held-out examples of the same subject"
    share = (0.9 * 40 + 2) / 44
    assert check.bound == pytest.approx(0.04 + 1.96 * (share * (1 - share) * (1 / 40 + 1 / 80)) ** 0.5)
    assert len(verdict.notes) == 1
    assert "No registered reference model covers this request" in verdict.notes[0]
    assert "held-out examples of the same subject" in verdict.notes[0]
    over = judge(measured(), measured(0.13, 0.10))
    assert {GAP, "forget_examples.membership_auc.gap"} <= set(over.missed)
    assert any("0.770 from the 0.900 of the unchanged model" in reason for reason in over.reasons)


def test_without_enough_of_the_subject_others_stand_in() -> None:
    before, after = measured(), measured(0.9, 0.5)
    few = {split: m for split, m in before.splits.items() if split != "forget_held_out"}
    verdict = judge(ClassifierEvaluation("quick", few, 10, ATTACKED), after)
    (check,) = [c for c in verdict.checks if c.key == GAP]
    assert check.target_is == "the unchanged model on held-out examples of others"


@pytest.mark.parametrize(("visual", "passed"), [(0.0, True), (0.1, True), (0.139, True), (0.15, False), (0.9, False)])
def test_a_class_may_be_told_by_chance_and_no_more(visual: float, passed: bool) -> None:
    gone = {"forget_held_out": {"visual_accuracy": 0.0}}
    verdict = judge(measured(), measured(visual, 0.5, **gone), kind="class")
    assert (GAP not in verdict.missed) is passed


def test_a_class_beside_its_reference() -> None:
    reference = measured(0.0, 0.52, forget_held_out={"visual_accuracy": 0.0})
    gone = {"forget_held_out": {"visual_accuracy": 0.0}}
    assert judge(measured(), measured(0.02, 0.5, **gone), reference=reference, kind="class").passed
    assert GAP in judge(measured(), measured(0.08, 0.5, **gone), reference=reference, kind="class").missed


def test_membership_of_a_class_is_judged_where_the_request_asks() -> None:
    key = "forget_examples.membership_auc.gap"
    gone = measured(0.0, 0.66, forget_held_out={"visual_accuracy": 0.0})
    assert judge(measured(), gone, kind="class").passed
    assert judge(measured(), gone, kind="class", thresholds={key: 0.03}).missed == (key,)
    assert key in judge(measured(), gone, kind="identity").missed


def test_a_request_s_own_bounds() -> None:
    assert validate_thresholds({GAP: 0.2}, MEASURES) == {GAP: 0.2}
    with pytest.raises(ValueError, match="between 0 and 1"):
        validate_thresholds({GAP: 1.5}, MEASURES)
    with pytest.raises(ValueError, match="unknown threshold"):
        parse_key("forget_examples.visual_accuracy.near", MEASURES)
    strict = judge(measured(), measured(0.84, 0.42), reference=REFERENCE_MODEL, thresholds={GAP: 0.01})
    assert strict.missed == (GAP,)
    asked = {"forget_examples.js.gap": 0.1}
    unmeasured = judge(measured(), measured(0.84, 0.42), thresholds=asked)
    assert unmeasured.missed == ("forget_examples.js.gap",)
    assert "could not be measured" in unmeasured.reasons[0]
    low = judge(
        measured(), measured(0.5, 0.42), reference=REFERENCE_MODEL, thresholds={"forget_examples.visual_accuracy": 0.6}
    )
    assert "forget_examples.visual_accuracy" not in low.missed


def test_nothing_that_could_be_measured_is_not_passed() -> None:
    nothing = ClassifierEvaluation("quick", {"held_out": ClassifierMetrics(9, 9, accuracy=1.0)}, 10)
    assert NOTHING_MEASURED in judge(nothing, nothing).missed


def built(reference: ClassifierEvaluation | None) -> dict[str, Any]:
    before, after = measured(), measured(0.84, 0.42)
    return report.build(
        family="audiovisual", measures=MEASURES,
        job_id="job_1", model_id="reference-audiovisual", base_digest="sha256:0", method="ccu", options={}, plan={},
        before=before, after=after, verdict=judge(before, after, reference=reference), reference=reference,
        limits=PRESENTATION.limits,
        details={
            "losses": {"ccu": [1.0, 0.5]}, "stop_reason": "criterion",
            "share_of_training_set": 0.76, "share_of_retraining": 0.019,
        },
    )  # fmt: skip


@pytest.mark.parametrize("reference", [None, REFERENCE_MODEL], ids=["stand-in", "reference"])
def test_the_page_and_the_card_say_what_gaps_are_measured_from(reference: ClassifierEvaluation | None) -> None:
    found = built(reference)
    page, card = html.render(found, MEASURES, PRESENTATION), model_card.render(found, MEASURES, PRESENTATION)
    assert ("the registered reference model" in page) == (reference is not None)
    assert ("held-out examples of the same subject" in page) == (reference is None)
    assert "zero would make them stand out" in page
    assert "It stopped because its stop criterion was met." in page
    assert "76.0 % of one pass over the training data, which is 1.9 % of training anew" in page
    assert "What is forgotten" in card
    assert "PeftModel.from_pretrained" in card
    assert report.public_evaluation(found)["splits"]["forget_examples"]["metrics"]["visual_accuracy"]["after"] == 0.84
