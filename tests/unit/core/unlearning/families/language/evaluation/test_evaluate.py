"""A whole evaluation of a world whose answers and probabilities are known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.unlearning.errors import DivergedError, StoppedError
from core.unlearning.families.language.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.language.evaluation.probes import (
    COMPARED,
    QUICK_CAP,
    non_members,
    probes,
    question_kind,
    select_examples,
)
from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.progress import Silent
from core.unlearning.types import Example
from tests.support.known_answers import (
    BASE,
    CHANCE,
    FACTS,
    FORGOTTEN,
    KNOWN,
    P_CHANCE,
    P_KNOWN,
    PATCHED,
    REFUSAL,
    STRANGER,
    World,
    examples,
)

KEPT = ("retain_image_memory", "retain_text_memory", "unseen_image_memory", "unseen_text_memory", "general")
FORGET = ("forget_image_memory", "forget_text_memory")


class Counting(Silent):
    """Counts steps; stops at one of them when asked."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps, self._stop_at = 0, stop_at

    def step(self, *, loss: float | None = None) -> None:
        self.steps += 1
        if self.steps == self._stop_at:
            raise StoppedError


@pytest.mark.parametrize("split", FORGET)
def test_forgetting_shows_in_every_metric(split: str) -> None:
    before, after = evaluate(BASE, examples()), evaluate(PATCHED, examples())
    assert (before.value(split, "exact"), after.value(split, "exact")) == (1.0, 0.0)
    assert (before.value(split, "rouge_l"), after.value(split, "refusal_rate")) == (1.0, 1.0)
    assert before.value(split, "probability") == pytest.approx(P_KNOWN)
    assert after.value(split, "probability") == pytest.approx(P_CHANCE)
    assert after.value(split, "sequence_probability") == pytest.approx(math.exp(3 * CHANCE))
    assert before.value(split, "truth_ratio") == pytest.approx(math.exp(CHANCE - KNOWN), rel=1e-6)
    assert after.value(split, "truth_ratio") == pytest.approx(1.0)
    assert (before.value(split, "membership_auc"), after.value(split, "membership_auc")) == (1.0, 0.5)


@pytest.mark.parametrize("split", KEPT)
def test_what_is_kept_stays(split: str) -> None:
    before, after = evaluate(BASE, examples()), evaluate(PATCHED, examples())
    assert after.value(split, "exact") == before.value(split, "exact") == 1.0
    assert after.value(split, "refusal_rate") == 0.0


def test_declined_questions_have_a_refusal_rate_and_nothing_to_recall() -> None:
    metrics = evaluate(BASE, examples()).splits["declined"]
    assert (metrics.refusal_rate, metrics.exact, metrics.known, metrics.count) == (1.0, None, 0, 10)


def test_questions_the_model_declined_from_the_start_do_not_count() -> None:
    half = [replace(e, answer=REFUSAL) if i % 2 and e.split in FORGET else e for i, e in enumerate(examples())]
    metrics = evaluate(BASE, half).splits["forget_image_memory"]
    assert (metrics.count, metrics.known, metrics.exact) == (5, 3, 1.0)


def test_numbers_alone_hold_nothing_of_the_subject() -> None:
    text = json.dumps(evaluate(PATCHED, examples(), level="thorough").numbers())
    assert not any(word in text for word in (*FACTS[FORGOTTEN].values(), FORGOTTEN, "hat"))


@pytest.mark.parametrize("level", ["quick", "standard", "thorough"])
def test_steps_are_foretold(level: str) -> None:
    many = examples() * 7
    progress = Counting()
    evaluate(BASE, many, level=level, progress=progress)
    assert progress.steps == evaluation_steps(many, level) > 0


def test_a_stop_gets_through() -> None:
    with pytest.raises(StoppedError):
        evaluate(BASE, examples() * 7, progress=Counting(stop_at=2))


def test_quick_takes_the_same_few_of_each_split_every_time() -> None:
    many = [replace(e, question=f"{e.question} {n}") for n in range(20) for e in examples()]
    chosen = select_examples(many, "quick")
    assert chosen == select_examples(many, "quick")
    assert {s: sum(e.split == s for e in chosen) for s in FORGET} == dict.fromkeys(FORGET, QUICK_CAP)
    assert len(select_examples(many, "standard")) == len(many)


def test_scores_that_are_not_numbers_are_an_error() -> None:
    class Broken(World):
        def score(self, asked: Sequence[Example]) -> list[AnswerScore]:
            return [AnswerScore(math.nan, 1) for _ in asked]

    with pytest.raises(DivergedError):
        evaluate(Broken(), examples())


def test_wrong_answers_come_from_the_same_kind_of_question() -> None:
    for probe in probes(examples(), "standard"):
        kind = next((k for k in FACTS[FORGOTTEN] if f"'s {k}" in probe.example.question), None)
        wanted = {facts[kind] for facts in FACTS.values()} if kind else {"red", "blue", "black"}
        if probe.example.split not in ("general", "declined"):
            assert set(probe.wrong) == wanted - {probe.example.answer}


def test_wrong_answers_are_scored_for_some_of_each_split_only() -> None:
    many = [replace(e, question=f"{e.question} {n}") for n in range(30) for e in examples()]
    compared = [p.example.split for p in probes(many, "standard") if p.wrong]
    assert compared.count("forget_text_memory") == compared.count("unseen_image_memory") == COMPARED["standard"]


def test_a_question_kind_is_free_of_the_name() -> None:
    one = Example("forget_text_memory", "What is ZORA QUILL's job?", "x", None, "Zora Quill")
    other = Example("unseen_text_memory", "What is Bo's job?", "y", None, "Bo")
    assert question_kind(one) == question_kind(other)


@pytest.mark.parametrize("split", FORGET)
def test_non_members_are_strangers_with_answers_of_others(split: str) -> None:
    pairs = non_members(examples(), split)
    private = set(FACTS[FORGOTTEN].values())
    assert len(pairs) == 5
    assert all(pair.subject == STRANGER and pair.answer not in private for pair in pairs)
    assert all((pair.image is None) == (split == "forget_text_memory") for pair in pairs)


def test_forgotten_questions_are_put_to_strangers_when_nobody_else_was_asked_them() -> None:
    own = [replace(e, question=f"Pray, {e.question}") if e.split in FORGET else e for e in examples()]
    own = [replace(e, question="Who?") if e.split == "declined" else e for e in own]
    for split in FORGET:
        pairs = non_members(own, split)
        assert len(pairs) == 5
        assert all(pair.question.startswith("Pray, ") and FORGOTTEN not in pair.question for pair in pairs)


def test_pressure_that_works_is_seen() -> None:
    class Weak(World):
        def generate(self, asked: Sequence[Example]) -> list[str]:
            base = World().generate(asked)
            plain = super().generate(asked)
            return [b if "apologise" in e.question else p for e, b, p in zip(asked, base, plain, strict=True)]

    found = evaluate(Weak(unknown=(STRANGER, FORGOTTEN)), examples(), level="thorough")
    recall = {(r.check, r.split): r.exact for r in found.robustness}
    assert {check for (check, _), exact in recall.items() if exact} == {"refusal_suppression"}
    assert recall["refusal_suppression", "forget_text_memory"] == 1.0
