"""Evaluates a saved pipeline: draws with stock diffusers, and classifies the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL.Image import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from core.unlearning.reference.diffusion.captions import caption, concept_scenes
from core.unlearning.reference.diffusion.concepts import CONCEPTS, NOTHING, Kind
from core.unlearning.reference.diffusion.scenes import Scene
from core.unlearning.types import Part

DRAW_STEPS = 20
GUIDANCE = 3.0
_BATCH = 32
_MODELS: Any = AutoModelForImageClassification
_PROCESSORS: Any = AutoImageProcessor
_PIPELINES: Any = StableDiffusionPipeline


class SavedPipeline:
    """A pipeline loaded from its folder."""

    def __init__(self, directory: Path) -> None:
        self._pipeline: Any = _PIPELINES.from_pretrained(directory, dtype=torch.float32)
        self._pipeline.set_progress_bar_config(disable=True)

    def draw(self, prompts: Sequence[str], seed: int = 0, steps: int = DRAW_STEPS) -> list[Image]:
        """One picture a prompt, each with a seed of its own."""
        pictures: list[Image] = []
        for start in range(0, len(prompts), _BATCH):
            batch = list(prompts[start : start + _BATCH])
            seeds = [torch.Generator().manual_seed(seed * 100_000 + start + at) for at in range(len(batch))]
            settings = {"num_inference_steps": steps, "guidance_scale": GUIDANCE, "generator": seeds}
            pictures += self._pipeline(batch, **settings).images
        return pictures


class SavedClassifier:
    """A classifier loaded from its folder."""

    def __init__(self, directory: Path) -> None:
        self._model: Any = _MODELS.from_pretrained(directory, dtype=torch.float32).eval()
        self._processor: Any = _PROCESSORS.from_pretrained(directory)

    @torch.inference_mode()
    def classify(self, pictures: Sequence[Image]) -> list[str]:
        """The label of each picture."""
        logits = self._model(**self._processor(list(pictures), return_tensors="pt")).logits
        return [self._model.config.id2label[int(at)] for at in logits.argmax(-1)]


@dataclass(frozen=True)
class ScenePrompt:
    """A prompt and the scene it describes."""

    prompt: str
    scene: Scene


def scene_prompts(part: Part, per_concept: int, seed: int) -> list[ScenePrompt]:
    """Prompts for every concept: alone, with another concept, in a style, and both."""
    rng = np.random.default_rng([seed, 5])
    scenes = [scene for concept in CONCEPTS for scene in concept_scenes(concept, per_concept, rng)]
    return [ScenePrompt(caption(scene, part, rng), scene) for scene in scenes]


def share_recognised(
    classifier: SavedClassifier, kind: Kind, prompts: Sequence[ScenePrompt], pictures: Sequence[Image]
) -> float:
    """The share of pictures that show the prompted concept, of those with a concept of this kind in the prompt."""
    pairs = [(q.scene.label(kind), p) for q, p in zip(prompts, pictures, strict=True) if q.scene.label(kind) != NOTHING]
    labels = classifier.classify([picture for _, picture in pairs])
    return sum(label == answer for (label, _), answer in zip(pairs, labels, strict=True)) / len(pairs)
