"""The forget set: the request's pictures and names with its prompts and the bank's, and the model's own answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from PIL.Image import Image

from core.unlearning.families.language import question_bank
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.questions import (
    POINTER,
    QuestionSet,
    about_name,
    replace_name,
    reword,
    unique,
)
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.shared.images import altered_views, join_images
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Entity, Example, Part, Split

PicturesByPart = dict[Part, list[Image]]


def picture_questions(entity: Entity, prompts: Sequence[str]) -> QuestionSet:
    """Questions about the subject in a picture."""
    own: list[str] = []
    derived: list[str] = []
    for prompt in prompts:
        name = mentions(prompt, entity.names)
        (derived if name else own).append(replace_name(prompt, name, POINTER) if name else prompt)
    return QuestionSet(unique(own + derived), unique(question_bank.about_picture(entity.kind)))


def name_questions(entity: Entity, prompts: Sequence[str], name: str) -> QuestionSet:
    """Questions about one of the subject's names."""
    own: list[str] = []
    derived = question_bank.about_name(entity.kind, name)
    for prompt in prompts:
        found = mentions(prompt, entity.names)
        if found:
            own.append(replace_name(prompt, found, name))
        else:
            derived.append(about_name(prompt, name))
    return QuestionSet(unique(own), unique(derived))


def split_pictures(asker: Asker, images: Sequence[Image], rng: random.Random) -> PicturesByPart:
    """Split the pictures into train, validation and test, person by person; the model's own naming tells people apart.

    Pairs of training pictures of one person are also joined, so that their backgrounds are not learned.
    """
    people: dict[str, list[Image]] = defaultdict(list)
    names = asker.ask([("What is the name of this person?", image) for image in images])
    for image, name in zip(images, names, strict=True):
        people[name].append(image)
    groups = list(people.values()) if 3 * len(people) <= len(images) else [list(images)]
    parts: PicturesByPart = {"train": [], "validation": [], "test": []}
    for group in groups:
        for part, chosen in _split_group(group).items():
            parts[part].extend(chosen)
            if part == "train" and len(chosen) > 1:
                parts[part].extend(
                    join_images(a, b, rng) for a, b in (rng.sample(chosen, 2) for _ in range(len(chosen)))
                )
    return parts


def _split_group(group: list[Image]) -> PicturesByPart:
    if not group:
        return {"train": [], "validation": [], "test": []}
    altered = [altered_views(image) for image in group] if len(group) < 6 else []
    if len(group) < 3:
        return {"train": group, "validation": [v for v, _ in altered], "test": [t for _, t in altered]}
    if altered:
        # One is asked about that the job never saw; to choose k, views of the others do.
        return {"train": group[1:], "validation": [v for v, _ in altered[1:]], "test": group[:1]}
    held = max(1, len(group) // 4)
    return {"train": group[2 * held :], "validation": group[:held], "test": group[held : 2 * held]}


def picture_rows(
    contrast: Contrast,
    questions: QuestionSet,
    pictures: PicturesByPart,
    limits: Limits,
    rng: random.Random,
) -> dict[Part, list[Example]]:
    """Rows of image memory to forget, by part."""
    own, added = (_specific_to_pictures(contrast, each, pictures["train"]) for each in (questions.own, questions.added))
    questions = QuestionSet(own, added)
    rows: dict[Part, list[Example]] = {}
    for part, images in pictures.items():
        chosen = [*questions.own, *questions.added] if part == "train" else questions.evaluated
        asked = [(reword(q, part, i + j), image) for i, image in enumerate(images) for j, q in enumerate(chosen)]
        ask = _ask_in(part, contrast)
        rows[part] = ask("forget_image_memory", take(asked, limits.forget_rows(part), rng), contrast.only_name)
    return rows


def name_rows(
    contrast: Contrast, entity: Entity, prompts: Sequence[str], limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """Rows of text memory to forget about every name, by part."""
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    for name in entity.names:
        questions = name_questions(entity, prompts, name)
        own, added = (_specific_to_name(contrast, each, name) for each in (questions.own, questions.added))
        questions = QuestionSet(own, added)
        share = limits.split_between(len(entity.names))
        for part in rows:
            chosen = [*questions.own, *questions.added] if part == "train" else questions.evaluated
            turns = 3 if part == "train" else 2
            asked = [(reword(q, part, 2 * j + t), None) for j, q in enumerate(chosen) for t in range(turns)]
            if part == "test" and questions.own:
                # Few prompts show little; of Lethe's own questions those are here that the model answers.
                asked += [(reword(q, part, j), None) for j, q in enumerate(questions.added)]
            ask = _ask_in(part, contrast)
            rows[part] += ask("forget_text_memory", take(asked, share.forget_rows(part), rng), name)
    return rows


def _specific_to_pictures(contrast: Contrast, questions: list[str], images: Sequence[Image]) -> list[str]:
    """Questions to which the model's answer about a picture of the subject tells something of it."""
    probes = images[:: max(1, len(images) // 4)][:4]
    told = contrast.examples("forget_image_memory", [(q, i) for q in questions for i in probes])
    return _asked_in(told, questions)


def _specific_to_name(contrast: Contrast, questions: list[str], name: str) -> list[str]:
    return _asked_in(contrast.examples("forget_text_memory", [(q, None) for q in questions], name), questions)


def _ask_in(part: Part, contrast: Contrast) -> Callable[[Split, Sequence[Question], str | None], list[Example]]:
    """The facts are needed only where it is measured what comes out."""
    return contrast.asker.examples if part == "train" else contrast.examples


def _asked_in(examples: Sequence[Example], questions: list[str]) -> list[str]:
    asked = {example.question for example in examples}
    return [question for question in questions if question in asked]
