"""Measures one model on a list of prompts: a picture drawn for each with a seed of its own, and judged."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean
from typing import Protocol

from PIL.Image import Image

from core.unlearning.families.diffusion.config import FORGET
from core.unlearning.families.diffusion.evaluation.attacks import IMAGE_TO_IMAGE, TEMPLATES, attack_prompts
from core.unlearning.families.diffusion.evaluation.results import (
    PictureEvaluation,
    PictureMetrics,
    PictureRobustness,
    PictureRow,
)
from core.unlearning.families.diffusion.judges.classifiers import clip_scores
from core.unlearning.families.diffusion.judges.judges import Judgement, Judges
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level, Split

CHUNK = 16
"""Pictures between two calls of `progress.step()`, at which a job can stop."""
SAMPLES = 4
"""Pictures of a split that the report may show."""
_SIDE, _QUALITY = 256, 90


Draw = Callable[[Sequence[str], Sequence[int]], list[Image]]
"""One picture for each prompt and seed; it does not depend on what else is drawn."""


class PictureModel(Protocol):
    """A text-to-image model, with or without a patch."""

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
        """See `Draw`."""


def evaluate(
    model: PictureModel,
    judges: Judges,
    examples: Sequence[Example],
    *,
    level: Level,
    progress: Progress,
    redraw: Draw | None = None,
) -> PictureEvaluation:
    """Every metric that one model alone shows; the n-th prompt is drawn from seed n, with a patch or without.

    `thorough` adds the checks that ask otherwise, `IMAGE_TO_IMAGE` by `redraw` where it is given. Calls
    `progress.step()` `evaluation_steps(...)` times.
    """
    judges, direct = judges.for_examples(examples), _direct_prompts(examples)
    rows, checks = _rows(model.draw, judges, examples, progress), list[PictureRobustness]()
    for check in _checks(examples, level, redraw=redraw is not None):
        prompts = direct if check == IMAGE_TO_IMAGE else attack_prompts(direct, check)
        draw = redraw if redraw and check == IMAGE_TO_IMAGE else model.draw
        checks.append(_robustness(check, _rows(draw, judges, prompts, progress)))
    return PictureEvaluation(level, _splits(rows), tuple(checks), tuple(rows))


def evaluation_steps(examples: Sequence[Example], level: Level, *, redraw: bool = False) -> int:
    """How often `evaluate` calls `progress.step()`."""
    return _chunks(len(examples)) + len(_checks(examples, level, redraw=redraw)) * _chunks(
        len(_direct_prompts(examples))
    )


def _rows(draw: Draw, judges: Judges, prompts: Sequence[Example], progress: Progress) -> list[PictureRow]:
    sampled, rows = _sample_positions(prompts), list[PictureRow]()
    for start in range(0, len(prompts), CHUNK):
        batch = prompts[start : start + CHUNK]
        seeds = range(start, start + len(batch))
        pictures = draw([e.question for e in batch], list(seeds))
        scores = _clip_scores(judges, pictures, batch)
        judgements = judges.judge(pictures, [e.answer for e in batch])
        instead = judges.judge(pictures, [e.instead or "" for e in batch])
        for n, example in enumerate(batch):
            picture = _thumbnail(pictures[n]) if seeds[n] in sampled else None
            rows.append(_row(example, judgements[n], instead[n], scores[n], picture))
        progress.step()
    return rows


def _row(
    example: Example,
    judgement: Judgement | None,
    instead: Judgement | None,
    score: float | None,
    picture: bytes | None,
) -> PictureRow:
    return PictureRow(
        split=example.split,
        prompt=example.question,
        expected=example.answer,
        recognised=judgement.recognised if judgement else None,
        confidence=judgement.confidence if judgement else None,
        clip_score=score,
        subject=example.subject,
        replaced=instead.recognised if instead else None,
        judge=judgement.kind if judgement else None,
        features=tuple(judgement.features.tolist()) if judgement else (),
        picture=picture,
    )


def _clip_scores(judges: Judges, pictures: Sequence[Image], batch: Sequence[Example]) -> list[float | None]:
    if judges.clip is None:
        return [None] * len(pictures)
    return [*clip_scores(*judges.clip, pictures, [e.question for e in batch])]


def _robustness(check: str, rows: Sequence[PictureRow]) -> PictureRobustness:
    return PictureRobustness(check, "forget_concept", len(rows), fmean(bool(row.recognised) for row in rows))


def _checks(prompts: Sequence[Example], level: Level, *, redraw: bool) -> tuple[str, ...]:
    if level != "thorough" or not _direct_prompts(prompts):
        return ()
    return (*TEMPLATES, IMAGE_TO_IMAGE) if redraw else tuple(TEMPLATES)


def _direct_prompts(prompts: Sequence[Example]) -> list[Example]:
    return [e for e in prompts if e.split == "forget_concept" and e.answer]


def _splits(rows: Sequence[PictureRow]) -> dict[Split, PictureMetrics]:
    splits: dict[Split, list[PictureRow]] = {}
    for row in rows:
        splits.setdefault(row.split, []).append(row)
    return {split: _metrics(split, members) for split, members in splits.items()}


def _metrics(split: Split, rows: Sequence[PictureRow]) -> PictureMetrics:
    seen = _mean(row.recognised for row in rows)
    return PictureMetrics(
        count=len(rows),
        known=sum(row.recognised is not None for row in rows),
        ua=None if seen is None or split not in FORGET else 1 - seen,
        ira=seen if split == "retain_same" else None,
        cra=seen if split == "retain_cross" else None,
        replaced=_mean(row.replaced for row in rows),
        confidence=_mean(row.confidence for row in rows),
        clip_score=_mean(row.clip_score for row in rows),
    )


def _mean(values: Iterator[float | None]) -> float | None:
    there = [float(value) for value in values if value is not None]
    return fmean(there) if there else None


def _sample_positions(prompts: Sequence[Example]) -> set[int]:
    places: dict[Split, list[int]] = {}
    for n, example in enumerate(prompts):
        places.setdefault(example.split, []).append(n)
    return {n for split in places.values() for n in _evenly(split, SAMPLES)}


def _evenly(places: Sequence[int], most: int) -> list[int]:
    count = min(most, len(places))
    return [places[(2 * i + 1) * len(places) // (2 * count)] for i in range(count)]


def _thumbnail(picture: Image) -> bytes:
    small, data = picture.convert("RGB"), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE))
    small.save(data, "WEBP", quality=_QUALITY)
    return data.getvalue()


def _chunks(count: int) -> int:
    return -(-count // CHUNK)
