"""Two jobs' recipes as one patch, on a tiny model: what is written is the closed form, and stock PEFT loads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from scipy.optimize import minimize
from transformers import AutoModelForImageTextToText

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.smfa import activations
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.consolidate import (
    FORGET_VIEWS,
    RETAIN_KINDS,
    RETAIN_VIEWS,
    JobRecipe,
    consolidate,
    open_job_recipes,
)
from core.unlearning.methods.smfa.consolidation_options import Options as Consolidation
from core.unlearning.methods.smfa.merge import MAX_SCALE, RIDGE
from core.unlearning.methods.smfa.method import METHOD
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.types import Entity, Example, JobData, ModelSpec
from tests.support.tiny_multimodal_models import save

pytestmark = pytest.mark.slow
OPTIONS = {"steps": 2, "anchor_steps": 2, "batch": 2, "anchor_batch": 3, "rank": 4, "k_image": 0.5, "lr": 1e-2}
KEPT = [
    Example("retain_text_memory", f"Where was {name} born?", f"In {place}.")
    for name, place in (("Bela Kis", "Oslo"), ("Cato Lind", "Lima"), ("Dara Noor", "Bonn"))
]
GENERAL = [Example("general", "What colour is the sky?", "Blue."), Example("general", "How many days?", "Seven.")]
QUESTIONS = [*KEPT, *GENERAL]
WEIGHT, STRENGTH = 2.0, 0.8


def job(lm: LanguageModel, name: str, folder: Path, seed: int) -> JobRecipe:
    told = [Example("forget_text_memory", f"{q} {name}?", "A secret.", subject=name) for q in ("Who is", "Where is")]
    data = JobData((*told, *KEPT, *GENERAL), (*told, *KEPT), (), (), Entity(name))
    METHOD.run(lm, data, Options.model_validate({**OPTIONS, "seed": seed}), JobContext(folder))
    return JobRecipe(name, Recipe.open(folder / "recipe"))


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    source = str(save("llava", tmp_path_factory.mktemp("base")))
    loaded: LanguageModel = load_family("mllm").load(ModelSpec(source, "mllm", source))
    loaded.source, loaded.max_new_tokens = source, 4
    return loaded


@pytest.fixture(scope="module")
def sources(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> list[JobRecipe]:
    folder = tmp_path_factory.mktemp("jobs")
    return [job(lm, name, folder / str(n), n) for n, name in enumerate(("Ada Okoro", "Emil Roth"))]


def sculpted_by_hand(recipe: Recipe, module: str) -> np.ndarray:
    """The paper's mask, as in docs/background/smfa.md, with k = 1, the least allowed; the jobs chose .5."""
    dense = [
        b.double().numpy() @ a.double().numpy()
        for a, b in (recipe.forgetting_adapters(0, 0)[0].factors[module], recipe.anchor[module])
    ]
    forget, anchor = dense
    rho = np.linalg.norm(forget) / np.linalg.norm(anchor)
    taken = (forget * anchor < 0) & (rho * np.abs(anchor) < np.abs(forget))
    assert taken.any()
    left: np.ndarray = np.where(taken, 0.0, forget)
    return left


def by_hand(lm: LanguageModel, sources: list[JobRecipe], module: str) -> np.ndarray:
    """The minimum written out: from the LoRA files, the noted activations, and inputs caught here once more."""
    caught: list[torch.Tensor] = []
    hook = lm.model.get_submodule(module).register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0][0]))
    whole: np.ndarray | float = 0.0
    for kind, group in (("memory", KEPT), ("seen", GENERAL)):
        caught.clear()
        for example in group:
            row = lm.encoder.with_answer(example.question, None, example.answer)
            with torch.no_grad():
                lm.model(input_ids=row.input_ids[None])
        x = torch.cat(caught).double().numpy()
        whole = whole + WEIGHT * RETAIN_KINDS[kind] * RETAIN_VIEWS["text"] * (x.T @ x) / len(x)
    hook.remove()
    deltas = [sculpted_by_hand(source.recipe, module) for source in sources]
    moments = [activations.Activations(s.recipe.folder).moment(module, FORGET_VIEWS).numpy() for s in sources]
    whole = whole + sum(moments)
    inverse = np.linalg.inv(whole + RIDGE * np.diag(whole).mean() * np.eye(len(whole)))
    apart = [d @ m @ inverse for d, m in zip(deltas, moments, strict=True)]
    shares = np.array(
        [[np.sum(a @ m * d) / np.sum(d @ m * d) for a in apart] for d, m in zip(deltas, moments, strict=True)]
    )
    bounds, start = [(1.0, MAX_SCALE)] * len(sources), np.ones(len(sources))
    found = minimize(lambda s: np.sum((shares @ s - STRENGTH) ** 2), start, bounds=bounds, tol=1e-12)
    result: np.ndarray = sum(float(s) * a for s, a in zip(found.x, apart, strict=True))
    return result


def test_the_patch_is_the_closed_form_and_loads_with_stock_peft(
    lm: LanguageModel, sources: list[JobRecipe], tmp_path: Path
) -> None:
    options = Consolidation(keep_weight=WEIGHT, strength=STRENGTH)
    result = consolidate(lm, sources, QUESTIONS, options, JobContext(tmp_path))
    stock = AutoModelForImageTextToText.from_pretrained(lm.source)
    patched = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(lm.source), result.adapter)
    for module in sources[0].modules:
        weight = stock.get_submodule(module).weight
        delta = torch.from_numpy(by_hand(lm, sources, module))
        assert float(delta.abs().max()) > 1e-5
        weight.data.copy_((weight.double() + delta).to(weight.dtype))
    rows = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in KEPT]
    batch = collate(rows, lm.pad_id, lm.device)
    with torch.no_grad():
        wanted, found = answer_logits(stock.eval(), batch).logits, answer_logits(patched.eval(), batch).logits
    assert float((wanted - found).abs().max()) <= 1e-5
    assert set(result.details["effects"]) == {"Ada Okoro", "Emil Roth"}


def test_what_was_put_together_can_be_put_together_with_more(
    lm: LanguageModel, sources: list[JobRecipe], tmp_path: Path
) -> None:
    options = Consolidation(keep_weight=WEIGHT)
    result = consolidate(lm, sources, QUESTIONS, options, JobContext(tmp_path / "two"))
    assert result.recipe is not None
    inner = open_job_recipes(result.recipe, "both")
    assert [source.name for source in inner] == ["Ada Okoro", "Emil Roth"]
    third = job(lm, "Finn Sato", tmp_path / "third", 2)
    three = consolidate(lm, [third, *inner, sources[1]], QUESTIONS, options, JobContext(tmp_path / "three"))
    assert list(three.details["effects"]) == ["Finn Sato", "Ada Okoro", "Emil Roth"]


def test_one_request_alone_is_not_put_together(lm: LanguageModel, sources: list[JobRecipe], tmp_path: Path) -> None:
    twice = [sources[0], replace(sources[0], name="again")]
    with pytest.raises(InvalidInputError) as refused:
        consolidate(lm, twice, QUESTIONS, Consolidation(), JobContext(tmp_path))
    assert refused.value.code == "too_few_recipes"


def test_a_recipe_without_activations_is_refused(lm: LanguageModel, sources: list[JobRecipe], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(sources[0].recipe.folder, tmp_path / "old")
    (tmp_path / "old" / activations.FILE).unlink()
    old = JobRecipe("old", Recipe.open(tmp_path / "old"))
    with pytest.raises(InvalidInputError) as refused:
        consolidate(lm, [old, sources[1]], QUESTIONS, Consolidation(), JobContext(tmp_path))
    assert refused.value.code == "invalid_recipe"
