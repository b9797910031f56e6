"""The rows to keep: from the model's registered retain set, and from what the request itself asks to keep."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from PIL.Image import Image

from core.unlearning.families.language import question_bank
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.questions import about_name, reword
from core.unlearning.families.language.data.retain_list import split_of, trained_people
from core.unlearning.families.language.data.retain_set import RetainRow
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.shared.images import altered_views, decode
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Example, ForgetRequest, Part, Split


def registered_rows(
    asker: Asker, retained: Sequence[RetainRow], limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """The retain set as examples. Where it gives no answer, the model's own is taken."""
    trained = trained_people(retained)
    groups: dict[tuple[Part, Split, bool], list[RetainRow]] = defaultdict(list)
    for row in retained:
        groups[row.part, split_of(row, trained), row.image is not None].append(row)
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    for (part, split, _), members in groups.items():
        rows[part] += _examples(asker, take(members, limits.other_rows(part), rng), split)
    return rows


def _examples(asker: Asker, members: Sequence[RetainRow], split: Split) -> list[Example]:
    missing = iter(asker.ask([(k.question, k.image) for k in members if k.answer is None]))
    return [
        Example(split, k.question, next(missing) if k.answer is None else k.answer, k.image, k.subject) for k in members
    ]


def requested_rows(asker: Asker, request: ForgetRequest, prompts: Sequence[str]) -> dict[Part, list[Example]]:
    """Examples of what the request's `retain` lists, with the model's own answers."""
    images = [decode(data, index) for index, data in enumerate(request.retain.images)]
    altered = [altered_views(image) for image in images]
    pictures: dict[Part, list[Image]] = {
        "train": images,
        "validation": [v for v, _ in altered],
        "test": [t for _, t in altered],
    }
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    for part in rows:
        about_people: list[Question] = [(reword(p, part, n), i) for i in pictures[part] for n, p in enumerate(prompts)]
        seen: list[Question] = [(q, i) for i in pictures[part] for q in question_bank.VISIBLE[part]]
        rows[part] += asker.examples("retain_image_memory", about_people)
        rows[part] += asker.examples("retain_understanding", seen)
        rows[part] += _entity_rows(asker, request, prompts, part)
    return rows


def _entity_rows(asker: Asker, request: ForgetRequest, prompts: Sequence[str], part: Part) -> list[Example]:
    rows = []
    for name in request.retain.entities:
        if mentions(name, request.entity.names):
            continue
        own = [p if mentions(p, [name]) else about_name(p, name) for p in prompts]
        asked: list[Question] = [
            (reword(q, part, n), None) for n, q in enumerate([*own, *question_bank.about_name("identity", name)])
        ]
        rows += asker.examples("retain_text_memory", asked, name)
    return rows
