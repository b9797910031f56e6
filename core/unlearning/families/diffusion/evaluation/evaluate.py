"""Measures one model on a list of prompts: a picture drawn for each with a seed of its own, and looked at."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean
from typing import Protocol

from PIL.Image import Image

from core.unlearning.families.diffusion.config import FORGET
from core.unlearning.families.diffusion.evaluation.attacks import IMAGE_TO_IMAGE, TEMPLATES, attacked
from core.unlearning.families.diffusion.evaluation.results import (
    PictureEvaluation,
    PictureMetrics,
    PictureRobustness,
    PictureRow,
)
from core.unlearning.families.diffusion.judges.classifiers import clip_scores
from core.unlearning.families.diffusion.judges.judges import Eyes, Looked
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level, Split

CHUNK = 16
"""Pictures drawn at once; between two chunks the job can be stopped."""
SHOWN = 4
"""Pictures of a split that the report may show."""
_SIDE, _QUALITY = 256, 90


Draw = Callable[[Sequence[str], Sequence[int]], list[Image]]
"""One picture for each prompt and seed; it does not depend on what else is drawn."""


class Painter(Protocol):
    """A text-to-image model, with or without a patch."""

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
        """See `Draw`."""


def evaluate(
    painter: Painter,
    eyes: Eyes,
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
    judges, plainly = eyes.on(examples), _plainly(examples)
    rows, checks = _rows(painter.draw, judges, examples, progress), list[PictureRobustness]()
    for check in _checks(examples, level, redraw=redraw is not None):
        asked = plainly if check == IMAGE_TO_IMAGE else attacked(plainly, check)
        draw = redraw if redraw and check == IMAGE_TO_IMAGE else painter.draw
        checks.append(_pressed(check, _rows(draw, judges, asked, progress)))
    return PictureEvaluation(level, _splits(rows), tuple(checks), tuple(rows))


def evaluation_steps(examples: Sequence[Example], level: Level, *, redraw: bool = False) -> int:
    """How often `evaluate` calls `progress.step()`."""
    return _chunks(len(examples)) + len(_checks(examples, level, redraw=redraw)) * _chunks(len(_plainly(examples)))


def _rows(draw: Draw, eyes: Eyes, asked: Sequence[Example], progress: Progress) -> list[PictureRow]:
    shown, rows = _shown(asked), list[PictureRow]()
    for start in range(0, len(asked), CHUNK):
        batch = asked[start : start + CHUNK]
        seeds = range(start, start + len(batch))
        pictures = draw([e.question for e in batch], list(seeds))
        scores = _scores(eyes, pictures, batch)
        looked = eyes.look(pictures, [e.answer for e in batch])
        instead = eyes.look(pictures, [e.instead or "" for e in batch])
        for n, example in enumerate(batch):
            picture = _small(pictures[n]) if seeds[n] in shown else None
            rows.append(_row(example, looked[n], instead[n], scores[n], picture))
        progress.step()
    return rows


def _row(
    example: Example, looked: Looked | None, instead: Looked | None, score: float | None, picture: bytes | None
) -> PictureRow:
    return PictureRow(
        split=example.split,
        prompt=example.question,
        expected=example.answer,
        recognised=looked.recognised if looked else None,
        confidence=looked.confidence if looked else None,
        clip_score=score,
        subject=example.subject,
        replaced=instead.recognised if instead else None,
        judge=looked.kind if looked else None,
        features=tuple(looked.features.tolist()) if looked else (),
        picture=picture,
    )


def _scores(eyes: Eyes, pictures: Sequence[Image], batch: Sequence[Example]) -> list[float | None]:
    if eyes.clip is None:
        return [None] * len(pictures)
    return [*clip_scores(*eyes.clip, pictures, [e.question for e in batch])]


def _pressed(check: str, rows: Sequence[PictureRow]) -> PictureRobustness:
    return PictureRobustness(check, "forget_concept", len(rows), fmean(bool(row.recognised) for row in rows))


def _checks(asked: Sequence[Example], level: Level, *, redraw: bool) -> tuple[str, ...]:
    if level != "thorough" or not _plainly(asked):
        return ()
    return (*TEMPLATES, IMAGE_TO_IMAGE) if redraw else tuple(TEMPLATES)


def _plainly(asked: Sequence[Example]) -> list[Example]:
    return [e for e in asked if e.split == "forget_concept" and e.answer]


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


def _shown(asked: Sequence[Example]) -> set[int]:
    places: dict[Split, list[int]] = {}
    for n, example in enumerate(asked):
        places.setdefault(example.split, []).append(n)
    return {n for split in places.values() for n in _evenly(split, SHOWN)}


def _evenly(places: Sequence[int], most: int) -> list[int]:
    count = min(most, len(places))
    return [places[(2 * i + 1) * len(places) // (2 * count)] for i in range(count)]


def _small(picture: Image) -> bytes:
    small, data = picture.convert("RGB"), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE))
    small.save(data, "WEBP", quality=_QUALITY)
    return data.getvalue()


def _chunks(count: int) -> int:
    return -(-count // CHUNK)
