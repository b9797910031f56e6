"""What a verdict makes of how many probes stand behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from core.unlearning.evaluation.checks import Check
from core.unlearning.evaluation.results import Outcomes
from core.unlearning.evaluation.thresholds import resolve, validate_thresholds
from core.unlearning.evaluation.verdict import Verdict
from core.unlearning.evaluation.verdict import judge as judge_by
from core.unlearning.families.language.evaluation.results import Evaluation, PictureCount, SplitMetrics
from core.unlearning.families.mllm.config import INFO
from core.unlearning.types import Level, Split

judge = partial(judge_by, measures=INFO.measures)
TEXT, IMAGE, KEPT = "forget_text_memory", "forget_image_memory", "unseen_text_memory"
EXACT, UPPER = f"{TEXT}.exact", f"{TEXT}.exact.upper"


@dataclass(frozen=True)
class Counted(Evaluation):
    """An evaluation of which only the outcomes of exact recall are known."""

    given: Mapping[Split, Outcomes] = field(default_factory=dict)

    def outcomes(self, split: Split, metric: str) -> Outcomes | None:
        return self.given.get(split) if metric == "exact" else None


def counted(level: Level = "standard", **told: Outcomes) -> Counted:
    metrics = {"sequence_probability": 0.0, "refusal_rate": 0.95, "gibberish_rate": 0.0}
    splits = {
        split: SplitMetrics(len(o.values), len(o.values), exact=sum(o.values) / len(o.values), **metrics)
        for split, o in told.items()
    }
    return Counted(level, splits, given=told)


def probes(values: Sequence[float], each: int = 1) -> Outcomes:
    return Outcomes(tuple(values), tuple(n // each for n in range(len(values))))


def told(failed: int, count: int, each: int = 1) -> Outcomes:
    return probes([1.0] * failed + [0.0] * (count - failed), each)


def check_of(verdict: Verdict, key: str) -> Check:
    (found,) = [check for check in verdict.checks if check.key == key]
    return found


def after(outcomes: Outcomes, level: Level = "standard", **more: object) -> Verdict:
    whole = Outcomes((1.0,) * len(outcomes.values), outcomes.clusters)
    return judge(counted(level, **{TEXT: whole}), counted(level, **{TEXT: outcomes}), **more)


def test_a_check_says_how_many_were_asked_and_how_sure_it_is() -> None:
    check = check_of(after(told(0, 48)), EXACT)
    assert (check.count, check.failed, check.clusters, check.lower) == (48, 0, 48, None)
    assert check.upper == pytest.approx(1 - 0.05 ** (1 / 48))
    assert check.evidence == "none of 48 came out; at most 7 in 100 (95 % sure)"
    assert check.evidence in check.reason


def test_what_must_be_high_has_a_lower_bound() -> None:
    verdict = after(told(45, 48), thresholds={f"{KEPT}.exact": 0.9, EXACT: 1})
    assert check_of(verdict, f"{KEPT}.exact").count is None
    kept = judge(counted(**{KEPT: told(48, 48)}), counted(**{KEPT: told(45, 48)}), thresholds={f"{KEPT}.exact": 0.9})
    check = check_of(kept, f"{KEPT}.exact")
    assert (check.failed, check.upper) == (3, None)
    assert check.lower is not None
    assert 0.8 < check.lower < 45 / 48
    assert "3 of 48 lost; at most 16 in 100 (95 % sure)" in check.reason


def test_a_gain_does_not_make_up_for_a_loss() -> None:
    before, now = probes([1.0] * 50 + [0.0] * 10), probes([0.0] * 2 + [1.0] * 58)
    check = check_of(judge(counted(**{KEPT: before}), counted(**{KEPT: now})), f"{KEPT}.exact.drop")
    assert check.met
    assert check.value is not None
    assert check.value < 0
    assert (check.failed, check.count) == (2, 60)
    assert "2 of 60 lost; at most 11 in 100" in check.reason


@pytest.mark.parametrize(("level", "enough"), [("quick", 19), ("standard", 29), ("thorough", 59)])
def test_each_level_asks_for_what_its_probes_can_show(level: Level, enough: int) -> None:
    verdict = after(told(0, enough), level)
    assert verdict.passed
    assert check_of(verdict, UPPER).met
    few = after(told(0, enough - 1), level)
    assert few.passed
    assert UPPER not in {check.key for check in few.checks}
    (note,) = [note for note in few.notes if "aims at" in note]
    assert f"{enough - 1} different questions cannot show" in note
    assert f"1 more, {enough} in all, could" in note


def test_forgetting_is_judged_by_the_upper_bound_where_the_probes_could_have_shown_it() -> None:
    assert after(told(1, 46)).passed
    verdict = after(told(1, 30))
    assert verdict.missed == (UPPER,)
    assert "is below 0.149: 1 of 30 came out" in check_of(verdict, UPPER).reason
    assert after(told(2, 30)).missed == (EXACT, UPPER)


def test_of_too_few_the_share_judges_and_the_note_says_what_more_would_show() -> None:
    verdict = after(told(1, 25))
    assert verdict.passed
    (note,) = [note for note in verdict.notes if "aims at" in note]
    assert "25 different questions cannot show a bound of 10 in 100" in note
    assert "21 more, 46 in all, could" in note


def test_one_picture_shows_nothing_however_often_it_is_asked_about() -> None:
    outcomes = told(0, 40, each=40)
    whole = Outcomes((1.0,) * 40, outcomes.clusters)
    verdict = judge(counted(**{IMAGE: whole}), counted(**{IMAGE: outcomes}))
    assert verdict.passed
    (note,) = [note for note in verdict.notes if "aims at" in note]
    assert "Subject, from a picture: 1 picture cannot show a bound of 10 in 100" in note
    assert "28 more, 29 in all, could" in note
    assert "the request needs some 112 more" in note
    words = check_of(verdict, f"{IMAGE}.exact").evidence
    assert words == "none of 40 came out, over 1 picture; at most 95 in 100 (95 % sure)"


def test_an_upper_bound_that_the_request_sets_is_a_check_even_of_few() -> None:
    assert after(told(0, 10), thresholds={UPPER: 0.1}).missed == (UPPER,)
    assert after(told(0, 10), thresholds={UPPER: 0.3}).passed
    unmeasured = after(told(0, 10), thresholds={f"{TEXT}.truth_ratio.upper": 0.3})
    assert unmeasured.missed == (f"{TEXT}.truth_ratio.upper",)


def test_who_allows_a_value_is_not_held_to_the_default_of_its_bound() -> None:
    assert after(told(10, 60), thresholds={EXACT: 0.2}).passed


def test_a_bound_is_above_the_reference_too() -> None:
    reference = counted(**{TEXT: told(4, 60)})
    assert not after(told(4, 60)).passed
    verdict = after(told(4, 60), reference=reference)
    assert verdict.passed
    assert verdict.reference == "the registered reference model"
    assert check_of(verdict, UPPER).bound == pytest.approx(0.1 + 4 / 60)


def test_without_a_reference_the_verdict_names_what_stands_for_one() -> None:
    verdict = after(told(0, 60))
    assert verdict.reference == INFO.measures.counterfactual


def test_few_kept_questions_are_noted_and_pass() -> None:
    verdict = judge(
        counted(**{TEXT: told(60, 60), KEPT: told(12, 12)}), counted(**{TEXT: told(0, 60), KEPT: told(12, 12)})
    )
    assert verdict.passed
    (note,) = [note for note in verdict.notes if "15 in 100" in note]
    assert "People the job never saw, by name (none of 12 lost; at most 23 in 100)" in note


def test_pictures_that_are_all_copies_are_noted() -> None:
    copied = {IMAGE: PictureCount(asked=2, unseen=0)}
    splits = {IMAGE: SplitMetrics(9, 9, exact=0.0, sequence_probability=0.0, refusal_rate=1.0, gibberish_rate=0.0)}
    before = Evaluation("quick", {IMAGE: SplitMetrics(9, 9, exact=1.0)})
    noted = judge(before, Evaluation("quick", splits, pictures=copied)).notes
    assert any("altered copies of training pictures" in note for note in noted)
    unseen = judge(before, Evaluation("quick", splits, pictures={IMAGE: PictureCount(3, 1)})).notes
    assert not any("altered copies" in note for note in unseen)


def test_the_bound_is_a_threshold_like_others() -> None:
    assert validate_thresholds({UPPER: 0.1}, INFO.measures) == {UPPER: 0.1}
    assert resolve({}, INFO.measures, level="thorough")[UPPER] == 0.05
    with pytest.raises(ValueError, match="unknown threshold"):
        validate_thresholds({f"{EXACT}.drop.upper": 0.1}, INFO.measures)
