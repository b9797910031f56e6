"""Build everything a job trains on and measures with from a request."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.Image import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data import anchor, forget_set, keep_set, known
from core.unlearning.families.language.data.acquaintances import acquaintance_rows
from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.bundled.prompts import general_prompts
from core.unlearning.families.language.data.controls import find_controls
from core.unlearning.families.language.data.drawings import drawings
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.known_people import known_people_rows
from core.unlearning.families.language.data.questions import QuestionSet
from core.unlearning.families.language.data.retain_set import RetainRow, read
from core.unlearning.families.language.limits import BY_LEVEL, Limits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.shared.images import decode
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import clean
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, Example, ForgetRequest, JobData, Level, Modality, Part

PARTS: tuple[Part, ...] = ("train", "validation", "test")
DRAWN = 8
"""Drawn pictures, where the retain set has no general ones."""
Parts = dict[Part, list[Example]]


@dataclass(frozen=True)
class _Request:
    """A request in the hands of the model that it is about."""

    asker: Asker
    entity: Entity
    prompts: Sequence[str]
    images: Sequence[Image]
    modalities: Sequence[Modality]
    retained: Sequence[RetainRow]
    limits: Limits
    rng: random.Random

    @classmethod
    def read(cls, lm: LanguageModel, request: ForgetRequest, retain_set: Path | None, seed: int) -> _Request:
        """Raises `InvalidInputError` for pictures that do not decode."""
        return cls(
            asker=Asker(lm),
            entity=request.entity,
            prompts=_prompts(lm, request.prompts),
            images=[decode(data, index) for index, data in enumerate(request.images)],
            modalities=request.modalities,
            retained=read(retain_set, request.entity.names, pictures=lm.sees),
            limits=BY_LEVEL[request.level],
            rng=random.Random(seed),  # noqa: S311
        )


def build_data(
    lm: LanguageModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
) -> JobData:
    """Questions with the frozen model's answers, in three parts that share no rendering and no wording.

    Raises `InvalidInputError` for pictures that do not decode, and `not_known` where the model says no more of the
    subject than of anybody.
    """
    asked = _Request.read(lm, request, retain_set, seed)
    contrast, forget = _forget(asked)
    if not any(e.split.endswith("memory") for e in forget["train"]):
        raise _not_known()
    keep = keep_set.registered_rows(asked.asker, asked.retained, asked.limits, asked.rng)
    requested = keep_set.requested_rows(asked.asker, request, _prompts(lm, request.retain.prompts))
    brought = _brought(asked, contrast)
    to_forget = [e for e in forget["train"] if e.split != "forget_understanding"]
    keep["train"] += _neighbours(asked, contrast, to_forget)
    named = acquaintance_rows(contrast, asked.entity, asked.prompts, asked.retained, to_forget, asked.limits, asked.rng)
    general = _drawn(asked)
    keep["train"] += anchor.drawn_rows(asked.asker, general[: DRAWN // 2], "train")
    keep["test"] += anchor.drawn_rows(asked.asker, general[DRAWN // 2 :], "test")
    parts = _merge(forget, keep, requested, named, brought)
    for part, rows in parts.items():
        progress.log(f"{part}: {len(rows)} questions")
    train, validation, test = (tuple(parts[part]) for part in PARTS)
    return JobData(train, validation, test, tuple(general), contrast.controls, request.entity)


def forget_examples(
    lm: LanguageModel, request: ForgetRequest, retain_set: Path | None, seed: int
) -> tuple[Example, ...]:
    """The test questions about a request's subject, the same as `build_data` makes for that seed and level."""
    return tuple(_forget(_Request.read(lm, request, retain_set, seed))[1]["test"])


def keep_examples(
    lm: LanguageModel, retain_set: Path | None, names: Iterable[str], level: Level, seed: int
) -> dict[Part, list[Example]]:
    """The registered retain set by part, but for what is about these names."""
    rng = random.Random(seed)  # noqa: S311
    return keep_set.registered_rows(Asker(lm), read(retain_set, names, pictures=lm.sees), BY_LEVEL[level], rng)


def _forget(asked: _Request) -> tuple[Contrast, Parts]:
    """What is forgotten, and by whom the subject's answers are told from anybody's."""
    asker, entity, rng = asked.asker, asked.entity, asked.rng
    pictures = forget_set.split_pictures(asker, asked.images, rng)
    questions = forget_set.picture_questions(entity, asked.prompts)
    controls = find_controls(asker, entity, asked.retained, pictures["train"], questions.evaluated, rng)
    contrast = Contrast(asker, controls, entity.names, rng)
    views = [_in_pictures(asked, contrast, pictures, questions), _by_name(asked, contrast)]
    if all(view is None or view.is_unknown for view in views) and any(views):
        raise _not_known()
    visible = anchor.visible_rows(asker, pictures, asked.retained, asked.limits, rng)
    return contrast, _merge(visible, *(view.rows for view in views if view))


def _not_known() -> InvalidInputError:
    return InvalidInputError(
        "the model does not know the subject: it declines what the request asks, or answers as about people who are "
        "made up, so there is nothing to forget",
        code="not_known",
    )


@dataclass(frozen=True)
class _View:
    """What there is to forget in one view: nothing where controls show that the model does not know the subject."""

    rows: Parts
    is_unknown: bool = False


def _in_pictures(
    asked: _Request, contrast: Contrast, pictures: forget_set.PicturesByPart, questions: QuestionSet
) -> _View | None:
    if "image" not in asked.modalities or not pictures["train"]:
        return None
    found = None
    if contrast.controls.images and questions.evaluated:
        found = known.by_picture(contrast, questions, pictures["train"])
        if not found.is_known:
            return _View({}, is_unknown=True)
    contrast = replace(contrast, common=found.of_controls if found else ())
    return _View(forget_set.picture_rows(contrast, questions, pictures, asked.limits, asked.rng))


def _by_name(asked: _Request, contrast: Contrast) -> _View | None:
    entity, found = asked.entity, None
    if "text" not in asked.modalities or not entity.name:
        return None
    if contrast.controls.names:
        questions = forget_set.name_questions(entity, asked.prompts, entity.name)
        found = known.by_name(contrast, questions, entity.name)
        if not found.is_known:
            return _View({}, is_unknown=True)
    contrast = replace(contrast, common=found.of_controls if found else ())
    return _View(forget_set.name_rows(contrast, entity, asked.prompts, asked.limits, asked.rng))


def _neighbours(asked: _Request, contrast: Contrast, to_forget: Sequence[Example]) -> list[Example]:
    pictures = list({id(e.image): e.image for e in to_forget if e.image is not None}.values())
    questions = forget_set.picture_questions(asked.entity, asked.prompts).evaluated
    limits, rng = asked.limits, asked.rng
    return [
        *anchor.neighbour_rows(contrast, asked.entity, asked.retained, to_forget, limits, rng),
        *anchor.neighbour_pictures(asked.asker, questions, pictures, asked.retained, to_forget, limits, rng),
    ]


def _brought(asked: _Request, contrast: Contrast) -> Parts:
    """What Lethe brings itself of other people and of general knowledge, where the retain set lists none."""
    parts: Parts = {"train": [], "validation": [], "test": []}
    if asked.entity.kind == "identity" and not any(k.group == "memory" and k.image is None for k in asked.retained):
        parts = known_people_rows(contrast, asked.entity, asked.limits, asked.rng)
    if not any(k.group == "general" and k.image is None for k in asked.retained):
        for part, rows in parts.items():
            prompts = take(general_prompts(part), asked.limits.other_rows(part) // 3, asked.rng)
            rows += asked.asker.examples("general", [(prompt, None) for prompt in prompts])
    return {part: rows if part == "train" else asked.asker.sure(rows) for part, rows in parts.items()}


def _drawn(asked: _Request) -> list[Image]:
    """Drawn pictures, where the model sees and its retain set has no general pictures."""
    has_general = any(k.group == "general" and k.image for k in asked.retained)
    return drawings(DRAWN, asked.rng) if asked.asker.lm.sees and not has_general else []


def _prompts(lm: LanguageModel, prompts: Sequence[str]) -> list[str]:
    control = [str(t) for t in lm.tokenizer.all_special_tokens]
    return [p for p in (clean(prompt, control) for prompt in prompts) if p]


def _merge(*several: Mapping[Part, list[Example]]) -> Parts:
    """Join part by part. A question of the training part is left out of the other parts."""
    merged: Parts = {"train": [], "validation": [], "test": []}
    seen: set[tuple[str, int]] = set()
    for part, rows in merged.items():
        for example in (e for parts in several for e in parts.get(part, ())):
            key = (" ".join(example.question.casefold().split()), id(example.image))
            if key not in seen:
                rows.append(example)
                seen.add(key)
    return merged
