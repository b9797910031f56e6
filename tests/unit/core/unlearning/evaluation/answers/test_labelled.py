"""The judge of answers against answers labelled by hand, all about people who do not exist.

Rules were written by looking at the half "rules"; the half "measured" was never looked at, only its share of right
labels. Rows whose id begins with a letter of `READ` were written later, to find what the rules miss, and were read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cache

import pytest

from core.unlearning.evaluation.answers.judge import judge_answer
from tests.support.paths import ROOT

ROWS = [
    json.loads(line) for line in (ROOT / "tests" / "data" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
]
READ = "efghijk"
BAR = 0.97


def test_there_are_enough_answers_of_every_label_and_many_languages() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS) >= 520
    for half in ("rules", "measured"):
        labels = Counter(row["label"] for row in ROWS if row["half"] == half)
        assert set(labels) == {"leaked", "declined", "other"}
        assert min(labels.values()) >= 80
        assert len({row["language"] for row in ROWS if row["half"] == half}) >= 25


def test_nobody_chose_the_half() -> None:
    for row in ROWS:
        by_hash = "rules" if hashlib.sha256(row["id"].encode()).digest()[0] % 2 == 0 else "measured"
        assert row["half"] == ("rules" if row["id"][0] in READ else by_hash), row["id"]


@pytest.mark.parametrize("half", ["rules", "measured"])
def test_the_label_is_right_as_often_as_the_bar_asks(half: str) -> None:
    rows = [row for row in ROWS if row["half"] == half]
    right = sum(_label(row["id"]) == row["label"] for row in rows)
    assert right / len(rows) >= BAR, f"{right} of {len(rows)}"


@cache
def _label(row_id: str) -> str:
    row = next(row for row in ROWS if row["id"] == row_id)
    return judge_answer(
        row["answer"],
        question=row["question"],
        facts=row["facts"],
        names=row["names"],
        control_answers=row.get("controls", ()),
        own_refusals=row.get("own_refusals", ()),
    ).label
