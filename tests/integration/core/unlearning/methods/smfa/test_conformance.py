"""The whole method on a tiny, randomly initialised model of each architecture, loaded by stock PEFT afterwards."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from PIL import Image

from core.unlearning.families.language.data import gradient_images
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.families.language.model.target_modules import match_modules
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.families.registry import load_family
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup
from core.unlearning.methods.base import JobContext, Strength
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.method import METHOD
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.progress import Silent
from core.unlearning.types import Example, JobData, ModelSpec
from tests.support.patches import SIGNER
from tests.support.tiny_models import EVERY, FAMILIES, SIMPLE, WIDE, a_request, load, png, save, stock, taken_as_known

pytestmark = pytest.mark.slow
PROMPTS = ("Where was this person born?", "What is Ada Okoro's job?")
OPTIONS = {"steps": 2, "anchor_steps": 2, "batch": 2, "anchor_batch": 3, "rank": 4, "k_image": 1.0, "lr": 1e-2}


def _job(spec: ModelSpec, lm: LanguageModel, workdir: Path, **options: Any) -> JobData:
    with taken_as_known():
        data = load_family(spec.family).build_data(lm, a_request(spec.family, PROMPTS), None, Silent(), 0)
    METHOD.run(lm, data, Options.model_validate({**OPTIONS, **options}), JobContext(workdir))
    return data


def _patched(spec: ModelSpec, lm: LanguageModel, adapter: Path) -> LanguageModel:
    """As stock PEFT loads it."""
    return LanguageModel(model=PeftModel.from_pretrained(stock(spec), adapter).eval(), processor=lm.processor)


def _logits(lm: LanguageModel, examples: list[Example]) -> torch.Tensor:
    rows = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
    with torch.no_grad():
        return answer_logits(lm.model, collate(rows, lm.pad_id, lm.device)).logits


def _both_views(data: JobData) -> list[list[Example]]:
    views = [[e for e in data.test if (e.image is not None) is pictured][:6] for pictured in (True, False)]
    return [view for view in views if view]


def _sculpted_logits(lm: LanguageModel, recipe: Recipe, examples: list[Example]) -> torch.Tensor:
    with applying_deltas(lm.model, recipe.sculpted()):
        return _logits(lm, examples)


@pytest.mark.parametrize(("family", "name"), [(f, n) for f, n in EVERY if n != WIDE[f]])
def test_whole_method_on_architecture(family: str, name: str, tmp_path: Path) -> None:
    spec = save(family, name, tmp_path / "base")
    lm = load(spec)
    before = {key: value.clone() for key, value in lm.model.state_dict().items()}
    data = _job(spec, lm, tmp_path / "work")
    recipe = Recipe.open(tmp_path / "work" / "recipe")
    patched = _patched(spec, lm, tmp_path / "work" / "adapter")
    for examples in _both_views(data):
        wanted = _sculpted_logits(lm, recipe, examples)
        assert (_logits(patched, examples) - wanted).abs().max() <= 1e-5
        assert (_logits(lm, examples) - wanted).abs().max() > 1e-3
    adapted = match_modules(lm.model, recipe.sculpt["target_modules"])
    assert adapted
    assert all("mlp" in module for module in adapted)
    assert not any(re.search(r"vision|visual|lm_head", module) for module in adapted)
    after = lm.model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    "options", [{"views": "separate", "combine": "average", "k_text": 2.5}, {"granularity": "row"}]
)
def test_variants_are_exact_too(options: dict[str, Any], tmp_path: Path) -> None:
    spec = save("mllm", "llava", tmp_path / "base")
    lm = load(spec)
    data = _job(spec, lm, tmp_path / "work", **options)
    recipe = Recipe.open(tmp_path / "work" / "recipe")
    patched = _patched(spec, lm, tmp_path / "work" / "adapter")
    for examples in _both_views(data):
        assert (_logits(patched, examples) - _sculpted_logits(lm, recipe, examples)).abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", ["bfloat16", "4bit"])
def test_a_smaller_base_trains_float32_adapters(family: str, precision: str, tmp_path: Path) -> None:
    spec = save(family, WIDE[family], tmp_path / "base")
    small = load(spec, precision)
    held = {parameter.dtype for name, parameter in small.model.named_parameters() if "mlp" in name}
    assert {"bfloat16": torch.bfloat16, "4bit": torch.uint8}[precision] in held
    data = _job(spec, small, tmp_path / "work")
    recipe = Recipe.open(tmp_path / "work" / "recipe")
    assert all(part.dtype == torch.float32 for part in recipe.anchor[recipe.anchor.names[0]])
    full = load(spec)
    patched = _patched(spec, full, tmp_path / "work" / "adapter")
    for examples in _both_views(data):
        wanted = _sculpted_logits(full, recipe, examples)
        assert (_logits(patched, examples) - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("name", ["llava", "llava_next", "idefics3", "gemma3", "internvl"])
def test_pictures_can_be_imagined(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_images, "ACCEPTED", 0.0)
    lm = load(save("mllm", name, tmp_path))
    asked, answer = "Who is this?", "Bo Li"
    pictures = [Image.open(io.BytesIO(png(colour, size))) for colour, size in (("teal", (40, 30)), ("red", (30, 60)))]
    made = gradient_images.images_for_answers(lm, asked, [(picture, answer) for picture in pictures])
    before = score_encoded(lm, [lm.encoder.with_answer(asked, picture, answer) for picture in pictures])
    after = score_encoded(lm, [lm.encoder.extend(m.prompt(lm, asked), asked, answer) for m in made])
    assert all(now.total > then.total for then, now in zip(before, after, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_job_on_a_4_bit_base_measures_the_patch_that_it_ships(family: str, tmp_path: Path) -> None:
    spec, options = save(family, WIDE[family], tmp_path / "base"), {**OPTIONS, "precision": "4bit"}
    (tmp_path / "work").mkdir()
    setup = JobSetup("job_1", spec, "smfa", tmp_path / "work", SIGNER)
    with taken_as_known():
        outcome = run_job(setup, a_request(family, PROMPTS), options)
    asked = outcome.evaluation["splits"]["forget_text_memory"]["metrics"]["probability"]
    assert asked["before"] != asked["after"]


@pytest.mark.parametrize("name", ["llava", "llava_next", "idefics3", "internvl"])
def test_batches_change_nothing(name: str, tmp_path: Path) -> None:
    """Pictures that are split differently, long and short questions, with and without a picture, all in one call."""
    lm = load(save("mllm", name, tmp_path))
    pictures = [Image.new("RGB", size, "teal") for size in ((28, 28), (70, 28), (28, 70))]
    examples = [
        Example("general", "Where?" + " And when?" * n, "In Lisbon. " * (n + 1), picture)
        for n, picture in enumerate([*pictures, None, None])
    ]
    together, alone = lm.score(examples), [lm.score([example])[0] for example in examples]
    assert [s.total for s in together] == pytest.approx([s.total for s in alone], abs=1e-3)
    assert [s.tokens for s in together] == [s.tokens for s in alone]
    assert lm.generate(examples) == [lm.generate([example])[0] for example in examples]


@pytest.mark.parametrize("family", FAMILIES)
def test_resculpting_needs_the_recipe_only(family: str, tmp_path: Path) -> None:
    spec = save(family, SIMPLE[family], tmp_path / "base")
    lm = load(spec)
    data = _job(spec, lm, tmp_path / "work", k_image="auto")
    again = METHOD.resculpt(lm, tmp_path / "work" / "recipe", Strength(k_image=0.0), JobContext(tmp_path / "again"))
    recipe = Recipe.open(tmp_path / "again" / "recipe")
    assert recipe.sculpt["k_image"] == 0.0
    assert again.details["sparse_entries"] > 0
    patched = _patched(spec, lm, again.adapter)
    for examples in _both_views(data):
        assert (_logits(patched, examples) - _sculpted_logits(lm, recipe, examples)).abs().max() <= 1e-5
