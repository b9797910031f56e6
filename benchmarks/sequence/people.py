"""Who is forgotten, and what is asked after each request: renderings and wordings that no job sees."""

from __future__ import annotations

from collections.abc import Sequence

from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.types import Example, Split

FORGOTTEN: tuple[int, ...] = (*sorted(world.STANDARD_PEOPLE), *world.RETAIN_TEST[:3])
"""Ten people, one request each. Settings were chosen with ten others, `RETAIN_TEST[6:]`."""
UNSEEN: tuple[int, ...] = world.RETAIN_TEST[3:]
"""Whom no job has any data of."""


def probes(seed: int) -> dict[str, list[Example]]:
    """By what they measure; those about somebody who is forgotten as `image 3`, `text 3`."""
    make, everybody = ProbeMaker("held_out_b", seed), world.known_people()
    unseen, kept = [everybody[i] for i in UNSEEN], [everybody[i] for i in world.RETAIN_TRAIN]
    found = {
        "unseen_image": _examples("unseen_image_memory", make.image_memory(unseen, 2)),
        "unseen_text": _examples("unseen_text_memory", make.text_memory(unseen, 2)),
        "retain_image": _examples("retain_image_memory", make.image_memory(kept, 1)),
        "retain_text": _examples("retain_text_memory", make.text_memory(kept, 1)),
        "understanding": _examples("retain_understanding", make.understanding([p.code for p in [*unseen, *kept]], 2)),
        "general": _examples("general", [*make.shapes(30), *make.general()]),
    }
    for index in FORGOTTEN:
        person = everybody[index]
        found[f"image {index}"] = _examples("forget_image_memory", make.image_memory([person], 3))
        found[f"text {index}"] = _examples("forget_text_memory", make.text_memory([person], 2))
        found["understanding"] += _examples("forget_understanding", make.understanding([person.code], 2))
    return found


def _examples(split: Split, asked: Sequence[Probe]) -> list[Example]:
    return [Example(split, p.question, p.answer or "", p.image) for p in asked]
