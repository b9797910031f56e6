"""What to forget: the request's pictures and names, times its prompts and the bank's, with the model's own answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from core.unlearning.families.mllm.data import bank
from core.unlearning.families.mllm.data.asker import Asker
from core.unlearning.families.mllm.data.limits import Limits
from core.unlearning.families.mllm.data.questions import PICTURED, about_name, rename, reworded, unique
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.shared.images import joined, views
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Entity, Example, Part

Pictures = dict[Part, list[Image]]


@dataclass(frozen=True)
class Strangers:
    """Pictures and names that the model knows nothing about: what the forgotten subject should become like."""

    images: tuple[Image, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asking:
    """Questions of one view: the request's own in front, then those that Lethe adds."""

    own: list[str]
    added: list[str]

    @property
    def measured(self) -> list[str]:
        """What the report asks: the request's questions where it brings any."""
        return self.own or self.added


def picture_questions(entity: Entity, prompts: Sequence[str]) -> Asking:
    """Questions about the subject in a picture."""
    own: list[str] = []
    derived: list[str] = []
    for prompt in prompts:
        name = mentions(prompt, entity.names)
        (derived if name else own).append(rename(prompt, name, PICTURED) if name else prompt)
    return Asking(unique(own + derived), unique(bank.about_picture(entity.kind)))


def name_questions(entity: Entity, prompts: Sequence[str], name: str) -> Asking:
    """Questions about one of the subject's names."""
    own: list[str] = []
    derived = bank.about_name(entity.kind, name)
    for prompt in prompts:
        found = mentions(prompt, entity.names)
        if found:
            own.append(rename(prompt, found, name))
        else:
            derived.append(about_name(prompt, name))
    return Asking(unique(own), unique(derived))


def part_pictures(asker: Asker, images: Sequence[Image], rng: random.Random) -> Pictures:
    """Which pictures train, choose k, and test. Pictures of one person are told by what the model calls them.

    Two training pictures of one person also make a third, so that not their backgrounds are learned.
    """
    people: dict[str, list[Image]] = defaultdict(list)
    for image, called in zip(images, asker.ask([("What is the name of this person?", i) for i in images]), strict=True):
        people[called].append(image)
    groups = list(people.values()) if 3 * len(people) <= len(images) else [list(images)]
    parts: Pictures = {"train": [], "validation": [], "test": []}
    for group in groups:
        for part, chosen in _part(group).items():
            parts[part].extend(chosen)
            if part == "train" and len(chosen) > 1:
                parts[part].extend(joined(a, b, rng) for a, b in (rng.sample(chosen, 2) for _ in range(len(chosen))))
    return parts


def _part(group: list[Image]) -> Pictures:
    if not group:
        return {"train": [], "validation": [], "test": []}
    if len(group) < 3:
        altered = [views(image) for image in group]
        return {"train": group, "validation": [v for v, _ in altered], "test": [t for _, t in altered]}
    held = max(1, len(group) // 4)
    return {"train": group[2 * held :], "validation": group[:held], "test": group[held : 2 * held]}


def picture_rows(
    asker: Asker, asking: Asking, pictures: Pictures, strangers: Strangers, limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """Image memory to forget, by part."""
    asking = Asking(asking.own, _specific_to_pictures(asker, asking.added, pictures["train"], strangers))
    rows: dict[Part, list[Example]] = {}
    for part, images in pictures.items():
        chosen = [*asking.own, *asking.added] if part == "train" else asking.measured
        asked = [(reworded(q, part, i + j), image) for i, image in enumerate(images) for j, q in enumerate(chosen)]
        rows[part] = asker.examples("forget_image_memory", take(asked, limits.of(part), rng))
    return rows


def name_rows(
    asker: Asker, entity: Entity, prompts: Sequence[str], strangers: Strangers, limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """Text memory to forget, by part, for every name."""
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    for name in entity.names:
        asking = name_questions(entity, prompts, name)
        asking = Asking(asking.own, _specific_to_name(asker, asking.added, name, strangers))
        share = limits.divided(len(entity.names))
        for part in rows:
            chosen = [*asking.own, *asking.added] if part == "train" else asking.measured
            turns = 3 if part == "train" else 2
            asked = [(reworded(q, part, 2 * j + t), None) for j, q in enumerate(chosen) for t in range(turns)]
            rows[part] += asker.examples("forget_text_memory", take(asked, share.of(part), rng), name)
    return rows


def _specific_to_pictures(
    asker: Asker, questions: list[str], images: Sequence[Image], strangers: Strangers
) -> list[str]:
    """Questions that the model answers about the subject, and otherwise than about strangers."""
    controls = strangers.images[:2]
    probes = images[:: max(1, len(images) // 4)][:4]
    asker.ask([(q, i) for q in questions for i in (*probes, *controls)])
    return [
        q
        for q in questions
        if _is_memory(asker.ask([(q, i) for i in probes]), asker.ask([(q, i) for i in controls]), q)
    ]


def _specific_to_name(asker: Asker, questions: list[str], name: str, strangers: Strangers) -> list[str]:
    controls = strangers.names[:2]
    told = asker.ask([(q, None) for q in questions])
    others = asker.ask([(rename(q, name, other), None) for q in questions for other in controls])
    size = len(controls)
    return [q for n, q in enumerate(questions) if _is_memory([told[n]], others[n * size : (n + 1) * size], q)]


def _is_memory(told: Sequence[str], controls: Sequence[str], question: str) -> bool:
    said = [a for a in told if a and not is_refusal(a) and a.casefold() not in question.casefold()]
    return bool(said) and not all(a in controls for a in said)
