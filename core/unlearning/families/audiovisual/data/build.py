"""Build a job's examples to forget, to keep and to measure from a request."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL.Image import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.audiovisual.config import INFO
from core.unlearning.families.audiovisual.counting import MEASURED
from core.unlearning.families.audiovisual.data import dataset
from core.unlearning.families.audiovisual.data.dataset import DataSet, DataSetRow
from core.unlearning.families.audiovisual.data.matching import Match, match_rows
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.families.shared import images
from core.unlearning.families.shared.sampling import take
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Split


def build_data(
    model: AudioVisualModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
) -> JobData:
    """The subject's training examples and all others, with held-out ones of both.

    Raises `InvalidInputError` for files that do not decode and a request that is about nothing that has a picture.
    """
    _check(request)
    if retain_set is None:
        raise InvalidInputError("the model has no data set registered to keep it by", code="no_retain_set")
    rows, rng = dataset.read(retain_set, model.labels), random.Random(seed)  # noqa: S311
    match = match_rows(request, rows.rows)
    forgotten = [row for row in rows.part("train") if row.number in match.rows and row.has_image]
    kept = [row for row in rows.part("train") if row.number not in match.rows]
    forget = [*_examples(forgotten, "forget_examples"), *_label(model, match.others, "forget_examples")]
    if not forget:
        raise InvalidInputError("no training picture and none of the request is about this", code="nothing_to_forget")
    if not kept:
        raise InvalidInputError("the request is about the whole training data", code="nothing_to_keep")
    keep = [*_examples(kept, "retain_examples"), *_retain_examples(model, request)]
    held_out, same = _held_out(request, rows, forgotten, match)
    measured = MEASURED[request.level]
    test = [*_examples(same, "forget_held_out"), *_examples(take(held_out["test"], measured, rng), "held_out")]
    progress.log(f"{len(forget)} examples to forget, {len(keep)} to keep, {match.clips} sounds that are not known")
    return JobData(
        (*forget, *keep),
        tuple(_examples(held_out["validation"], "held_out")),
        (*forget, *take(keep, measured, rng), *test),
        entity=request.entity,
        forgotten=tuple(row.id for row in forgotten),
    )


def _check(request: ForgetRequest) -> None:
    if any(modality not in INFO.forgets for modality in request.modalities):
        raise InvalidInputError(
            f"only these can be forgotten: {', '.join(INFO.forgets)}", code="modality_not_supported"
        )


def _held_out(
    request: ForgetRequest, rows: DataSet, forgotten: Sequence[DataSetRow], match: Match
) -> tuple[dict[str, list[DataSetRow]], list[DataSetRow]]:
    """What was never trained on: of others, by part; and of the subject or class, by name or by the request's files."""
    subjects = {row.subject for row in forgotten} - {None}
    labels = {row.label for row in forgotten} if request.entity.kind == "class" else set()
    later = [row for row in rows.rows if row.part != "train"]
    alike = {row.number for row in later if row.label in labels or (not labels and row.subject in subjects)}
    numbers = alike | match.rows
    same = [row for row in later if row.number in numbers]
    others = [row for row in later if row.number not in numbers]
    return {part: [row for row in others if row.part == part] for part in ("validation", "test")}, same


def _examples(rows: Iterable[DataSetRow], split: Split) -> list[Example]:
    return [row.example(split) for row in rows]


def _retain_examples(model: AudioVisualModel, request: ForgetRequest) -> list[Example]:
    """Pictures that the request itself asks to keep."""
    pictures = [images.decode(data, index) for index, data in enumerate(request.retain.images)]
    return _label(model, pictures, "retain_examples")


def _label(model: AudioVisualModel, pictures: Sequence[Image], split: Split) -> list[Example]:
    """Pictures that are not among the registered ones, with the labels that the model itself gives them."""
    if not pictures:
        return []
    logits = model.predict([Example(split, "", "", picture) for picture in pictures]).logits
    return [
        Example(split, "", model.labels[at], picture) for at, picture in zip(logits.argmax(1), pictures, strict=True)
    ]
