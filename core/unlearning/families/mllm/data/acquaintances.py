"""Others whom the model knows by name: it is asked itself, so that they are kept though no retain set names them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from PIL.Image import Image

from core.unlearning.families.mllm.data.asker import Asked, Asker
from core.unlearning.families.mllm.data.forget_set import name_questions
from core.unlearning.families.mllm.data.limits import Limits
from core.unlearning.families.mllm.data.retain_set import Kept
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Entity, Example

NAME = "What is the name of this person?"
_QUESTIONS = 4
"""Asked about each acquaintance."""
_ROUNDS = 3
"""In each the model must come up with names that it has not given yet."""
_WORDS = 5
"""A longer answer is no name."""


def acquaintance_rows(
    asker: Asker,
    entity: Entity,
    prompts: Sequence[str],
    kept: Sequence[Kept],
    told: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> list[Example]:
    """What the model says, by name, of people whom the subject and strangers remind it of.

    Where it would decline to name a stranger, or would name the subject, it is not let: the name that comes instead is
    of somebody it knows. Answers that are the subject's are left out; `told`: what is to be forgotten.
    """
    if entity.kind != "identity":
        return []
    looks_alike = take(pictures_of(told), limits.keep // 8, rng)
    pictures = [*looks_alike, *take(_strangers(kept), limits.keep // 2 - len(looks_alike), rng)]
    names = take(_names(asker, entity, kept, pictures), limits.keep // _QUESTIONS, rng)
    asked: dict[str, list[Asked]] = {}
    for name in names:
        questions = name_questions(entity, prompts, name)
        asked[name] = [(q, None) for q in take(questions.own or questions.added, _QUESTIONS, rng)]
    asker.ask([question for several in asked.values() for question in several])
    found = [row for name in names for row in asker.examples("unseen_text_memory", asked[name], name)]
    secrets = {e.answer for e in told}
    return [row for row in found if row.answer not in secrets]


def _names(asker: Asker, entity: Entity, kept: Sequence[Kept], pictures: Sequence[Image]) -> list[str]:
    known = {k.subject.casefold() for k in kept if k.subject and k.part == "train"}
    found: dict[str, None] = {}
    for _ in range(_ROUNDS):
        said = asker.insist([(NAME, i) for i in pictures], instead_of=[*entity.names, *found])
        names = {a for a in said if 1 < len(a.split()) <= _WORDS and not is_refusal(a)}
        if names <= found.keys():
            break
        found |= dict.fromkeys(sorted(names))
    return [n for n in found if n.casefold() not in known and not mentions(n, entity.names)]


def _strangers(kept: Sequence[Kept]) -> list[Image]:
    return pictures_of([k for k in kept if k.group == "declined" and k.part == "train"])


def pictures_of(rows: Iterable[Kept] | Iterable[Example]) -> list[Image]:
    """Each once, in order."""
    return list({id(row.image): row.image for row in rows if row.image is not None}.values())
