"""The people to forget, and the examples evaluated after each request: renderings and wordings that no job sees."""

from __future__ import annotations

from benchmarks.smfa.probes import probe_examples
from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.probes import ProbeMaker
from core.unlearning.types import Example

FORGOTTEN: tuple[int, ...] = (*sorted(world.STANDARD_PEOPLE), *world.RETAIN_TEST[:3])
"""Ten people, one request each. Settings were tuned on ten others, `RETAIN_TEST[6:]`."""
UNSEEN: tuple[int, ...] = world.RETAIN_TEST[3:]
"""People in no job's data."""


def evaluation_examples(seed: int) -> dict[str, list[Example]]:
    """Examples by what they measure; those about a person to forget as `image 3`, `text 3`, by index."""
    make, everybody = ProbeMaker("held_out_b", seed), world.known_people()
    unseen, retained = [everybody[i] for i in UNSEEN], [everybody[i] for i in world.RETAIN_TRAIN]
    faces = [p.code for p in [*unseen, *retained]]
    examples = {
        "unseen_image": probe_examples("unseen_image_memory", make.image_memory(unseen, 2)),
        "unseen_text": probe_examples("unseen_text_memory", make.text_memory(unseen, 2)),
        "retain_image": probe_examples("retain_image_memory", make.image_memory(retained, 1)),
        "retain_text": probe_examples("retain_text_memory", make.text_memory(retained, 1)),
        "understanding": probe_examples("retain_understanding", make.understanding(faces, 2)),
        "general": probe_examples("general", [*make.shapes(30), *make.general()]),
    }
    for index in FORGOTTEN:
        person = everybody[index]
        examples[f"image {index}"] = probe_examples("forget_image_memory", make.image_memory([person], 3))
        examples[f"text {index}"] = probe_examples("forget_text_memory", make.text_memory([person], 2))
        examples["understanding"] += probe_examples("forget_understanding", make.understanding([person.code], 2))
    return examples
