"""Which probes of an evaluation stand by themselves."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from PIL import Image

from core.unlearning.families.language.data.questions import reword
from core.unlearning.families.language.evaluation.clusters import clusters, count_pictures
from core.unlearning.families.language.evaluation.evaluate import evaluate
from core.unlearning.families.language.measures import METRICS
from core.unlearning.families.shared.images import altered_views
from core.unlearning.types import Example
from tests.support.known_answers import BASE, PATCHED, examples

ONE, OTHER = Image.new("RGB", (40, 40)), Image.new("RGB", (40, 40))


def about(picture: Image.Image, question: str) -> Example:
    return Example("forget_image_memory", question, "x", picture)


def named(question: str, answer: str, subject: str | None = "Ada Okoro") -> Example:
    return Example("forget_text_memory", question, answer, None, subject)


def test_questions_about_one_picture_go_together() -> None:
    found = clusters([about(ONE, "Who?"), about(OTHER, "Who?"), about(ONE, "Where?")])
    assert found[0] == found[2] != found[1]


def test_wordings_of_one_question_go_together_whatever_was_answered() -> None:
    question = "Where does Ada Okoro live?"
    wordings = [named(reword(question, "test", turn), f"Somewhere {turn}.") for turn in range(3)]
    assert len(set(clusters([*wordings, named("How old is Ada Okoro?", "40")]))) == 2


def test_questions_with_one_answer_about_one_subject_go_together() -> None:
    born, home = named("Where was she born?", "Lima."), named("Where is she from?", "lima")
    assert len(set(clusters([born, home]))) == 1
    assert len(set(clusters([born, named("Where was he born?", "Lima.", "Bo Marsh")]))) == 2
    assert len(set(clusters([named("Capital of Peru?", "Lima", None), named("Home?", "Lima", None)]))) == 2


def test_sentences_that_tell_the_same_fact_go_together() -> None:
    born = Example("forget_text_memory", "Where was she born?", "She was born in Lima.", subject="Ada", facts=("Lima",))
    home = replace(born, question="Where is she from?", answer="Ada comes from Lima!")
    job = replace(born, question="Who is she?", answer="A baker from Lima.", facts=("baker", "Lima"))
    assert len(set(clusters([born, home]))) == 1
    assert len(set(clusters([born, home, job]))) == 2


def test_what_ties_two_ties_all_of_them() -> None:
    chain = [named("Where?", "Lima"), named("Question: Where?", "Peru"), named("Which country?", "Peru")]
    assert len(set(clusters(chain))) == 1


def test_splits_have_clusters_of_their_own() -> None:
    one, other = about(ONE, "Who?"), Example("forget_understanding", "A hat?", "yes", ONE)
    assert len(set(clusters([one, other]))) == 2
    assert clusters([]) == ()


def test_altered_copies_are_told_from_unseen_pictures_in_another_process_too() -> None:
    _, view = altered_views(ONE)
    sent = pickle.loads(pickle.dumps([about(ONE, "Who?"), about(view, "Who?"), about(view, "Where?")]))
    count = count_pictures(sent)["forget_image_memory"]
    assert (count.asked, count.unseen) == (2, 1)
    assert len(set(clusters(sent))) == 2


@pytest.mark.parametrize("metric", METRICS)
def test_outcomes_are_what_the_metrics_are_means_of(metric: str) -> None:
    for found in (evaluate(BASE, examples()), evaluate(PATCHED, examples())):
        for split in found.splits:
            outcomes, value = found.outcomes(split, metric), found.value(split, metric)
            if outcomes is None:
                assert value is None or metric in ("truth_ratio", "membership_auc")
            else:
                assert sum(outcomes.values) / len(outcomes.values) == pytest.approx(value)
                assert len(outcomes.clusters) == len(outcomes.values)
