"""The bundled pipeline and classifiers as a user meets them: stock diffusers, stock transformers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from core.unlearning import reference
from core.unlearning.reference.diffusion.build import build
from core.unlearning.reference.diffusion.concepts import KINDS, Kind, names_of
from core.unlearning.reference.diffusion.drawing import draw
from core.unlearning.reference.diffusion.evaluate import SavedClassifier, SavedPipeline, scene_prompts, share_recognised
from core.unlearning.reference.diffusion.scenes import random_scene
from core.unlearning.reference.diffusion.tokenizer import MAX_LENGTH, build_tokenizer

BASE = reference.bundled_path("diffusion")
CLASSIFIERS = BASE.parent / "classifiers"


@pytest.fixture(scope="module")
def viewers() -> dict[Kind, SavedClassifier]:
    return {kind: SavedClassifier(CLASSIFIERS / kind) for kind in KINDS}


def test_classifiers_know_fresh_drawings(viewers: dict[Kind, SavedClassifier]) -> None:
    rng = np.random.default_rng(77)
    scenes = [random_scene(rng) for _ in range(400)]
    pictures = [draw(scene, rng) for scene in scenes]
    for kind, viewer in viewers.items():
        right = [scene.label(kind) == seen for scene, seen in zip(scenes, viewer.classify(pictures), strict=True)]
        assert np.mean(right) >= 0.98, kind


@pytest.mark.slow
def test_the_pipeline_draws_what_it_is_asked_for(viewers: dict[Kind, SavedClassifier]) -> None:
    questions = scene_prompts("test", 2, seed=0)
    pictures = SavedPipeline(BASE).draw([question.prompt for question in questions], seed=4, steps=12)
    for kind, viewer in viewers.items():
        assert share_recognised(viewer, kind, questions, pictures) >= 0.95, kind


def test_stock_diffusers_loads_the_pipeline() -> None:
    pipe: Any = StableDiffusionPipeline.from_pretrained(BASE)
    assert type(pipe.tokenizer).__name__ == "CLIPTokenizer"
    pipe.set_progress_bar_config(disable=True)
    once, again = (
        pipe(
            "a photo of Ada Brink", num_inference_steps=2, generator=torch.Generator().manual_seed(1), output_type="pt"
        )
        for _ in range(2)
    )
    assert once.images.shape == (1, 3, 32, 32)
    assert torch.equal(once.images, again.images)


def test_tokenizer_is_the_saved_one_and_writes_any_text() -> None:
    pipe: Any = StableDiffusionPipeline.from_pretrained(BASE)
    texts = ["a photo of Greta Holm", "Ünïcødé 名前 🙂?", "skull mark"]
    fresh = build_tokenizer()
    assert fresh(texts)["input_ids"] == pipe.tokenizer(texts)["input_ids"]
    assert fresh.model_max_length == pipe.tokenizer.model_max_length == MAX_LENGTH
    assert fresh.decode(fresh(texts[1])["input_ids"], skip_special_tokens=True).startswith("ünïcødé")
    pieces = [len(fresh(name)["input_ids"]) - 2 for name in names_of("identity")]
    assert min(pieces) >= 2
    assert max(pieces) > 2


@pytest.mark.slow
def test_build_learns_and_is_reproducible(tmp_path: Path) -> None:
    def losses(name: str) -> list[float]:
        steps: list[tuple[int, int, float]] = []
        build(tmp_path / name, 3, lambda *step: steps.append(step), pictures=64, autoencoder_steps=8, denoiser_steps=6)
        assert [(step, of) for step, of, _ in steps] == [(step, 14) for step in range(1, 15)]
        return [loss for _, _, loss in steps]

    once, again = losses("one"), losses("two")
    assert np.mean(once[6:8]) < np.mean(once[:2])
    assert np.mean(once[-2:]) < np.mean(once[8:10])
    # The same pictures, words, noise and weights; after the denoiser's first step rounding errors have grown.
    assert again[:9] == pytest.approx(once[:9], rel=1e-3)


def test_package_data_is_small() -> None:
    assert sum(path.stat().st_size for path in BASE.parent.rglob("*") if path.is_file()) <= 8e6
