"""Build everything a job trains on and measures with from a request."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data import anchor, forget_set, keep_set
from core.unlearning.families.language.data.acquaintances import acquaintance_rows
from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.drawings import drawings
from core.unlearning.families.language.data.forget_set import Strangers
from core.unlearning.families.language.data.retain_set import RetainRow, read
from core.unlearning.families.language.limits import BY_LEVEL, Limits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.shared.images import decode
from core.unlearning.families.shared.text import clean
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Level, Part

PARTS: tuple[Part, ...] = ("train", "validation", "test")
DRAWN = 8
"""Drawn pictures, where the retain set has no general ones."""
Parts = dict[Part, list[Example]]


def build_data(
    lm: LanguageModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
) -> JobData:
    """Questions with the frozen model's answers, in three parts that share no rendering and no wording.

    Raises `InvalidInputError` for pictures that do not decode, and when the model knows nothing of what is asked.
    """
    rng, asker, limits = random.Random(seed), Asker(lm), BY_LEVEL[request.level]  # noqa: S311
    retained = read(retain_set, request.entity.names)
    forget = _forget(lm, asker, request, retained, limits, rng)
    if not any(e.split.endswith("memory") for e in forget["train"]):
        raise InvalidInputError(
            "the model already declines every question that the request brings", code="nothing_to_forget"
        )
    keep = keep_set.registered_rows(asker, retained, limits, rng)
    asked = keep_set.requested_rows(asker, request, _prompts(lm, request.retain.prompts))
    has_general = any(k.group == "general" and k.image for k in retained)
    general = drawings(DRAWN, rng) if lm.sees and not has_general else []
    keep["train"] += _neighbours(lm, asker, request, retained, forget["train"], limits, rng)
    keep["train"] += anchor.drawn_rows(asker, general[: DRAWN // 2], "train")
    keep["test"] += anchor.drawn_rows(asker, general[DRAWN // 2 :], "test")
    parts = _merge(forget, keep, asked)
    for part, rows in parts.items():
        progress.log(f"{part}: {len(rows)} questions")
    train, validation, test = (tuple(parts[part]) for part in PARTS)
    return JobData(train, validation, test, tuple(general))


def forget_examples(
    lm: LanguageModel, request: ForgetRequest, retain_set: Path | None, seed: int
) -> tuple[Example, ...]:
    """The test questions about a request's subject, the same as `build_data` makes for that seed and level."""
    rng, asker, limits = random.Random(seed), Asker(lm), BY_LEVEL[request.level]  # noqa: S311
    return tuple(_forget(lm, asker, request, read(retain_set, request.entity.names), limits, rng)["test"])


def keep_examples(
    lm: LanguageModel, retain_set: Path | None, names: Iterable[str], level: Level, seed: int
) -> dict[Part, list[Example]]:
    """The registered retain set by part, but for what is about these names."""
    rng = random.Random(seed)  # noqa: S311
    return keep_set.registered_rows(Asker(lm), read(retain_set, names), BY_LEVEL[level], rng)


def _forget(
    lm: LanguageModel,
    asker: Asker,
    request: ForgetRequest,
    retained: Sequence[RetainRow],
    limits: Limits,
    rng: random.Random,
) -> Parts:
    prompts, entity, strangers = _prompts(lm, request.prompts), request.entity, strangers_of(retained)
    images = [decode(data, index) for index, data in enumerate(request.images)]
    pictures = forget_set.split_pictures(asker, images, rng)
    rows: list[Parts] = [anchor.visible_rows(asker, pictures, retained, limits, rng)]
    if "image" in request.modalities:
        questions = forget_set.picture_questions(entity, prompts)
        rows.append(forget_set.picture_rows(asker, questions, pictures, strangers, limits, rng))
    if "text" in request.modalities:
        rows.append(forget_set.name_rows(asker, entity, prompts, strangers, limits, rng))
    return _merge(*rows)


def _neighbours(
    lm: LanguageModel,
    asker: Asker,
    request: ForgetRequest,
    retained: Sequence[RetainRow],
    forget: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> list[Example]:
    to_forget = [e for e in forget if e.split != "forget_understanding"]
    pictures = list({id(e.image): e.image for e in to_forget if e.image is not None}.values())
    prompts = _prompts(lm, request.prompts)
    questions = forget_set.picture_questions(request.entity, prompts).evaluated
    return [
        *anchor.neighbour_rows(asker, request.entity, retained, to_forget, limits, rng),
        *anchor.neighbour_pictures(asker, questions, pictures, retained, to_forget, limits, rng),
        *acquaintance_rows(asker, request.entity, prompts, retained, to_forget, limits, rng),
    ]


def strangers_of(retained: Sequence[RetainRow]) -> Strangers:
    """Those whom the retain set lists as unknown to the model (training rows only)."""
    declined = [k for k in retained if k.group == "declined" and k.part == "train"]
    pictures = {id(k.image): k.image for k in declined if k.image is not None}
    names = {k.subject: None for k in declined if k.image is None and k.subject}
    return Strangers(tuple(pictures.values()), tuple(names))


def _prompts(lm: LanguageModel, prompts: Sequence[str]) -> list[str]:
    control = [str(t) for t in lm.tokenizer.all_special_tokens]
    return [p for p in (clean(prompt, control) for prompt in prompts) if p]


def _merge(*several: Mapping[Part, list[Example]]) -> Parts:
    """Join part by part. A question of the training part is left out of the other parts."""
    merged: Parts = {"train": [], "validation": [], "test": []}
    seen: set[tuple[str, int]] = set()
    for part, rows in merged.items():
        for example in (e for parts in several for e in parts[part]):
            key = (" ".join(example.question.casefold().split()), id(example.image))
            if key not in seen:
                rows.append(example)
                seen.add(key)
    return merged
