"""Build a job's prompts to forget, to keep and to measure from a request."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL.Image import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.diffusion import concepts, wordings
from core.unlearning.families.diffusion.concepts import Concept
from core.unlearning.families.diffusion.limits import BY_LEVEL
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.shared.images import decode, opacity
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import clean, mentions
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, Example, ForgetRequest, JobData, Part, Retain, Split

PARTS: tuple[Part, ...] = ("train", "validation", "test")
SPLITS: tuple[Split, ...] = ("forget_concept", "forget_indirect", "retain_same", "retain_cross", "general")
_CYCLE = 4
"""A request's prompts are divided from this many on: every fourth validates, every fourth tests."""


def build_data(
    model: DiffusionModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
) -> JobData:
    """Prompts in three parts that share no wording, and the request's pictures in the first.

    Raises `InvalidInputError` for pictures that do not decode and for a request without name, prompt and picture.
    """
    known, entity, limits = concepts.read(retain_set), request.entity, BY_LEVEL[request.level]
    pictures = [decode(data, index) for index, data in enumerate(request.images)]
    shown = _pictured_concept(model, entity, pictures, known)
    if shown and not entity.names:
        # The model's own name for the pictured concept is forgotten too.
        entity, shown = replace(entity, name=shown.name), None
    asked = _clean(model, request.prompts)
    if not (entity.names or asked or request.images):
        raise InvalidInputError("the request brings no name, no prompt and no picture", code="nothing_to_forget")
    rng = random.Random(seed)  # noqa: S311
    parts: dict[Part, tuple[Example, ...]] = {}
    for part in PARTS:
        rows = [*_name_examples(entity, known, part, shown), *_prompt_examples(entity, asked, part, shown)]
        rows = [replace(row, instead=request.replacement) for row in rows]
        rows += _retain_examples(model, request.retain, entity, known, part)
        parts[part] = tuple(_limit(_unique(rows), limits.train if part == "train" else limits.drawn, rng))
        progress.log(f"{part}: {len(parts[part])} prompts")
    return JobData(
        (*parts["train"], *_picture_examples(request, pictures)),
        parts["validation"],
        parts["test"],
        tuple(decode(data, index) for index, data in enumerate(request.retain.images)),
        entity=request.entity,
        replacement=request.replacement,
    )


def _pictured_concept(
    model: DiffusionModel, entity: Entity, pictures: Sequence[Image], known: Sequence[Concept]
) -> Concept | None:
    """The concept in the request's pictures, by a classifier, where no classifier has the entity's names."""
    if any(model.judges.classifier_for(name) for name in entity.names):
        return None
    label = model.judges.majority_label(pictures, entity.kind)
    return next((concept for concept in known if label and concept.is_called(label)), None)


def _name_examples(entity: Entity, known: Sequence[Concept], part: Part, shown: Concept | None) -> list[Example]:
    """Prompts that name the entity: those registered with the model, else the wordings of its kind."""
    rows: list[Example] = []
    for name in entity.names:
        own = [prompt for concept in known if concept.is_called(name) for prompt in concept.prompts.get(part, ())]
        for prompt in own or wordings.prompts(entity.kind, name, part):
            subject = mentions(prompt, [name])
            split: Split = "forget_concept" if subject else "forget_indirect"
            rows.append(Example(split, prompt, shown.name if shown else name, subject=subject))
    return rows


def _prompt_examples(entity: Entity, asked: Sequence[str], part: Part, shown: Concept | None) -> list[Example]:
    """The request's own prompts. Those that do not name the entity are indirect."""
    rows: list[Example] = []
    for prompt in _select_part(asked, part):
        name = mentions(prompt, entity.names)
        split: Split = "forget_concept" if name else "forget_indirect"
        answer = shown.name if shown else name or entity.name or ""
        rows.append(Example(split, prompt, answer, subject=name))
    return rows


def _select_part(asked: Sequence[str], part: Part) -> list[str]:
    """One part's share of the request's prompts; all train where there are too few to divide."""
    if len(asked) < _CYCLE:
        return list(asked) if part == "train" else []
    turns = {"train": (0, 1), "validation": (2,), "test": (3,)}[part]
    return [prompt for n, prompt in enumerate(asked) if n % _CYCLE in turns]


def _retain_examples(
    model: DiffusionModel, retain: Retain, entity: Entity, known: Sequence[Concept], part: Part
) -> list[Example]:
    rows: list[Example] = []
    for concept in known:
        if concept.is_called(*entity.names):
            continue
        same = concept.kind == entity.kind
        for prompt in concept.prompts.get(part, ()):
            name = mentions(prompt, entity.names)
            # A prompt that names the entity is never trained on as a retain prompt; of other kinds it is measured.
            if name is None or (part == "test" and not same):
                rows.append(Example("retain_same" if same else "retain_cross", prompt, concept.name, subject=name))
    registered = {concept.name.casefold() for concept in known}
    for name in retain.entities:
        if name.casefold() not in registered:
            rows += [Example("retain_same", p, name) for p in wordings.prompts(entity.kind, name, part)]
    general = [p for p in _clean(model, retain.prompts) if mentions(p, entity.names) is None]
    return rows + [Example("general", prompt, "") for prompt in _select_part(general, part)]


def _picture_examples(request: ForgetRequest, pictures: Sequence[Image]) -> Iterable[Example]:
    """The request's pictures, each with the prompt that draws it where the entity has a name.

    Where a picture is transparent it does not show the entity.
    """
    entity = request.entity
    prompt = wordings.prompts(entity.kind, entity.name or wordings.class_word(entity.kind), "train")[0]
    for index, picture in enumerate(pictures):
        mask = opacity(request.images[index], index)
        yield Example("forget_concept", prompt, entity.name or "", picture, entity.name, mask=mask)


def _limit(rows: Sequence[Example], count: int, rng: random.Random) -> list[Example]:
    return [row for split in SPLITS for row in take([r for r in rows if r.split == split], count, rng)]


def _unique(rows: Iterable[Example]) -> list[Example]:
    return list({(row.split, row.question, row.answer): row for row in rows}.values())


def _clean(model: DiffusionModel, prompts: Sequence[str]) -> list[str]:
    control = [str(token) for token in model.pipe.tokenizer.all_special_tokens]
    return [cleaned for prompt in prompts if (cleaned := clean(prompt, control))]
