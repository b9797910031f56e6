"""CLIP in the place of classifiers: a tiny one with random weights, as a folder of a stock checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.diffusion.evaluation.evaluate import evaluate
from core.unlearning.families.diffusion.judges import judges
from core.unlearning.families.diffusion.judges.classifiers import clip_scores, embed_images
from core.unlearning.families.diffusion.judges.judges import OTHER_LABELS, Judges
from core.unlearning.progress import Silent
from core.unlearning.types import Example, ModelSpec
from tests.support.tiny_pipelines import tokenizer

_TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
EXAMPLES = [
    *(Example("forget_concept", f"bob {word}", "bob", subject="bob", instead="cat") for word in ("a", "b")),
    Example("retain_same", "pat a", "pat"),
    Example("retain_cross", "wash a", "wash"),
    Example("general", "a tree", ""),
]


class Painter:
    def draw(self, prompts: list[str], seeds: list[int]) -> list[Image.Image]:
        return [
            Image.new("RGB", (8, 8), (40 * len(prompt) % 256, seed, 99))
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("clip")
    text = {**_TINY, "vocab_size": 64, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**_TINY, "image_size": 16, "patch_size": 8}
    config: Any = CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    images: Any = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    CLIPModel(config).save_pretrained(made)
    CLIPProcessor(images, tokenizer()).save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def clip(folder: Path) -> Judges:
    return judges.load(ModelSpec("m", "diffusion", "", defaults={"clip": str(folder)}), "cpu")


def test_clip_chooses_among_the_names(clip: Judges) -> None:
    found = evaluate(Painter(), clip, EXAMPLES, level="quick", progress=Silent())
    assert found.splits["forget_concept"].known == 2
    assert found.value("forget_concept", "replaced") is not None
    assert found.value("retain_cross", "cra") in (0.0, 1.0)
    assert (found.splits["general"].known, found.value("general", "clip_score") is None) == (0, False)
    told = clip.for_examples(EXAMPLES).classifiers
    assert told["same"].labels == ("bob", "cat", "pat", *OTHER_LABELS)
    assert told["cross"].labels == ("wash", *OTHER_LABELS)


def test_pictures_have_unit_length_and_scores_are_cosines(clip: Judges) -> None:
    assert clip.clip is not None
    pictures = Painter().draw(["a", "bb"], [0, 1])
    assert embed_images(*clip.clip, pictures).norm(dim=-1).tolist() == pytest.approx([1, 1])
    assert all(-1 <= score <= 1 for score in clip_scores(*clip.clip, pictures, ["a", "bob"]))


def test_what_is_registered_must_be_there(tmp_path: Path) -> None:
    for defaults in ({"clip": str(tmp_path)}, {"classifiers": str(tmp_path)}, {"classifiers": str(tmp_path / "x")}):
        with pytest.raises(ModelLoadError):
            judges.load(ModelSpec("m", "diffusion", "", defaults=defaults), "cpu")
