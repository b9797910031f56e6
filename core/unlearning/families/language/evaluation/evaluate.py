"""Measure one model on a list of examples: generate an answer to each, and score its recorded answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from core.unlearning.errors import DivergedError
from core.unlearning.families.language.evaluation.aggregate import make_row, split_metrics
from core.unlearning.families.language.evaluation.clusters import clusters, count_pictures
from core.unlearning.families.language.evaluation.probes import (
    FORGET_MEMORY,
    Probe,
    non_members,
    probes,
    select_examples,
)
from core.unlearning.families.language.evaluation.results import Evaluation
from core.unlearning.families.language.evaluation.robustness import robustness, robustness_checks
from core.unlearning.families.language.model.answerer import Answerer, AnswerScore
from core.unlearning.progress import Progress, Silent
from core.unlearning.types import Example, Level, Split

if TYPE_CHECKING:
    from torch import nn

CHUNK = 128
"""Examples handed to the answerer at once; between two chunks the job can be stopped."""
_T = TypeVar("_T")


def evaluate(
    answerer: Answerer,
    examples: Sequence[Example],
    *,
    level: Level = "standard",
    progress: Progress | None = None,
    model: nn.Module | None = None,
) -> Evaluation:
    """Every metric of every split among `examples` (the report is made from the test part).

    `quick` asks at most `QUICK_CAP` questions of a split; `thorough` adds the robustness checks of what was forgotten,
    of which the quantised ones need `model`, the torch module behind `answerer` (left as it was afterwards). Calls
    `progress.step()` `evaluation_steps(...)` times. Raises `DivergedError` when a score is not a number.
    """
    progress = progress or Silent()
    chosen = select_examples(examples, level)
    probed = probes(chosen, level)
    outputs = _in_chunks(answerer.generate, [probe.example for probe in probed], progress)
    strangers = {split: non_members(chosen, split) for split in FORGET_MEMORY}
    scores = _finite(_in_chunks(answerer.score, _to_score(probed, strangers), progress))
    right, wrong = _split_scores(probed, scores)
    rows = [make_row(*parts) for parts in zip(probed, outputs, right, wrong, strict=True)]
    stranger_scores = {split: [next(scores) for _ in pairs] for split, pairs in strangers.items()}
    return Evaluation(
        level=level,
        splits=split_metrics(rows, right, stranger_scores),
        robustness=robustness(answerer, probed, model, progress) if level == "thorough" else (),
        rows=tuple(rows),
        clusters=clusters([probe.example for probe in probed]),
        pictures=count_pictures(chosen),
    )


def evaluation_steps(examples: Sequence[Example], level: Level, *, with_model: bool = False) -> int:
    """How often `evaluate` calls `progress.step()`, for `Progress.phase`."""
    chosen = select_examples(examples, level)
    probed = probes(chosen, level)
    scored = len(_to_score(probed, {split: non_members(chosen, split) for split in FORGET_MEMORY}))
    robustness_steps = len(robustness_checks(probed, with_model=with_model)) if level == "thorough" else 0
    return math.ceil(len(probed) / CHUNK) + math.ceil(scored / CHUNK) + robustness_steps


def _to_score(probed: Sequence[Probe], strangers: Mapping[Split, Sequence[Example]]) -> list[Example]:
    pairs = [replace(p.example, answer=answer) for p in probed for answer in (p.example.answer, *p.wrong)]
    return [*pairs, *(pair for group in strangers.values() for pair in group)]


def _split_scores(
    probed: Sequence[Probe], scores: Iterator[AnswerScore]
) -> tuple[list[AnswerScore], list[list[AnswerScore]]]:
    """Per probe the score of its right answer, and the scores of its wrong ones."""
    dealt = [(next(scores), [next(scores) for _ in probe.wrong]) for probe in probed]
    return [right for right, _ in dealt], [wrong for _, wrong in dealt]


def _finite(scores: Sequence[AnswerScore]) -> Iterator[AnswerScore]:
    if any(math.isnan(score.total) for score in scores):
        raise DivergedError("the evaluated model gives scores that are not numbers")
    return iter(scores)


def _in_chunks(
    ask: Callable[[Sequence[Example]], list[_T]], examples: Sequence[Example], progress: Progress
) -> list[_T]:
    found: list[_T] = []
    for start in range(0, len(examples), CHUNK):
        found += ask(examples[start : start + CHUNK])
        progress.step()
    return found
