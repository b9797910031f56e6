"""Accuracy of the bundled pipeline and of its classifiers: rows of `benchmarks.worlds.reference`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.bars import Bar
from core.unlearning import reference
from core.unlearning.reference.diffusion.captions import homonym_prompts, indirect_prompts
from core.unlearning.reference.diffusion.concepts import DOMINANT, HARMFUL, KINDS, Kind
from core.unlearning.reference.diffusion.drawing import draw
from core.unlearning.reference.diffusion.evaluate import SavedClassifier, SavedPipeline, scene_prompts, share_recognised
from core.unlearning.reference.diffusion.scenes import random_scene

SEED = 909
MIN_ACCURACY, MIN_SHARE = 0.98, 0.95
MEGABYTES = 8.0
_RENDERINGS = 1000
_PROMPTS = 12
"""Held-out prompts about each concept."""

Classifiers = Mapping[Kind, SavedClassifier]


def rows() -> Iterator[Bar]:
    """The bars of the diffusion world."""
    data = reference.bundled_path("diffusion").parent
    classifiers = {kind: SavedClassifier(data / "classifiers" / kind) for kind in KINDS}
    pipeline = SavedPipeline(data / "base")
    yield from _classifier_bars(classifiers)
    yield from _prompt_bars(classifiers, pipeline)
    homonym, indirect = homonym_prompts("test"), indirect_prompts("test")
    yield _word_bar("the shared word shows the dominant meaning", classifiers["identity"], pipeline, homonym, DOMINANT)
    yield _word_bar("the mark where it is implied", classifiers["concept"], pipeline, indirect, HARMFUL, MIN_SHARE)
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    yield Bar("drawn world: package data, MB", size / 1e6, MEGABYTES)


def _classifier_bars(classifiers: Classifiers) -> Iterator[Bar]:
    """Accuracy of the classifiers on renderings that were in no training."""
    rng = np.random.default_rng(SEED)
    scenes = [random_scene(rng) for _ in range(_RENDERINGS)]
    pictures = [draw(scene, rng) for scene in scenes]
    for kind, classifier in classifiers.items():
        labels = classifier.classify(pictures)
        right = [scene.label(kind) == label for scene, label in zip(scenes, labels, strict=True)]
        yield Bar(f"drawn world: classifier of {kind}", float(np.mean(right)), MIN_ACCURACY, ">=", n=len(right))


def _prompt_bars(classifiers: Classifiers, pipeline: SavedPipeline) -> Iterator[Bar]:
    questions = scene_prompts("test", _PROMPTS, SEED)
    pictures = pipeline.draw([question.prompt for question in questions], SEED)
    for kind, classifier in classifiers.items():
        share = share_recognised(classifier, kind, questions, pictures)
        yield Bar(f"drawn world: {kind} asked for and shown", share, MIN_SHARE, ">=")


def _word_bar(
    name: str,
    classifier: SavedClassifier,
    pipeline: SavedPipeline,
    prompts: Sequence[str],
    label: str,
    bound: float | None = None,
) -> Bar:
    """The share of pictures of these prompts, four of each, that show `label`."""
    labels = classifier.classify(pipeline.draw(list(prompts) * 4, SEED + 1))
    return Bar(f"drawn world: {name}", labels.count(label) / len(labels), bound, ">=", n=len(labels))
