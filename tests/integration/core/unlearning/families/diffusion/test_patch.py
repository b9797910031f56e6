"""Both methods on tiny pipelines: the patch as stock diffusers loads it is the model that was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.unlearning.bench.baselines import compared, load_compared
from core.unlearning.errors import UnlearningError
from core.unlearning.families.diffusion.load import load
from core.unlearning.families.diffusion.model.attention import key_values
from core.unlearning.families.diffusion.model.lora_file import KOHYA, WEIGHTS
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training import invert_pictures
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.closed_form import config as closed_form
from core.unlearning.methods.closed_form.method import METHOD as CLOSED_FORM
from core.unlearning.methods.forget_me_not import config as forget_me_not
from core.unlearning.methods.forget_me_not.method import METHOD as FORGET_ME_NOT
from core.unlearning.patches import pipeline_stock
from core.unlearning.types import Entity, Example, JobData, ModelSpec
from tests.support.tiny_pipelines import Shape, saved

DATA = JobData(
    train=(
        Example("forget_concept", "a bob", "bob", subject="bob"),
        Example("forget_concept", "see bob now", "bob", subject="bob"),
        Example("retain_same", "a pat", "pat"),
    ),
    validation=(Example("forget_concept", "one bob", "bob", subject="bob"),),
    test=(),
    entity=Entity("bob", "object"),
    replacement="cat",
)


def _model(folder: Path, shape: Shape) -> DiffusionModel:
    return load(ModelSpec("tiny", "diffusion", str(saved(folder, shape)), defaults={"draw_steps": 2}), device="cpu")


def _state(model: DiffusionModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.pipe.unet.state_dict().items()}


@pytest.mark.parametrize("shape", ["sd1", "sd2", "sdxl"])
def test_a_closed_form_patch_is_the_full_weight_edit(shape: Shape, tmp_path: Path) -> None:
    model = _model(tmp_path / "base", shape)
    before = _state(model)
    result = CLOSED_FORM.run(model, DATA, closed_form.Options(rank=None), JobContext(tmp_path))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.pipe.unet.state_dict().items())
    tensors = load_file(result.adapter / WEIGHTS)
    layers = key_values(model.pipe.unet)
    assert len(tensors) == 2 * len(layers)
    model.pipe.load_lora_weights(str(result.adapter), adapter_name="patch")
    model.pipe.fuse_lora()
    for path in layers:
        delta = tensors[f"unet.{path}.lora_B.weight"].float() @ tensors[f"unet.{path}.lora_A.weight"].float()
        fused: Any = model.pipe.unet.get_submodule(path)
        assert torch.allclose(fused.base_layer.weight, before[f"{path}.weight"] + delta, atol=1e-4)


def test_the_twin_says_the_same(tmp_path: Path) -> None:
    model = _model(tmp_path / "base", "sd1")
    result = CLOSED_FORM.run(model, DATA, closed_form.Options(), JobContext(tmp_path))
    ours, twin = load_file(result.adapter / WEIGHTS), load_file(result.adapter / KOHYA)
    path = next(iter(key_values(model.pipe.unet)))
    name = f"lora_unet_{path.replace('.', '_')}"
    assert torch.equal(twin[f"{name}.lora_down.weight"], ours[f"unet.{path}.lora_A.weight"])
    assert float(twin[f"{name}.alpha"]) == len(ours[f"unet.{path}.lora_A.weight"])


@pytest.mark.parametrize(("shape", "modules"), [("sd1", "kv"), ("sdxl", "attn2"), ("sd1", "unet")])
def test_forget_me_not_trains_a_lora_and_leaves_the_model(shape: Shape, modules: str, tmp_path: Path) -> None:
    model = _model(tmp_path / "base", shape)
    before = _state(model)
    options = forget_me_not.Options(
        steps=3, batch=2, rank=2, pictures=2, check_every=1, stop_below=None, modules=modules, lr=0.1
    )
    result = FORGET_ME_NOT.run(model, DATA, options, JobContext(tmp_path))
    after = model.pipe.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert result.details["steps"] == 3
    pipeline_stock.examine(model.pipe, result.adapter, "a bob").check()


@pytest.mark.parametrize("name", ["esd-x", "concept-ablation"])
def test_a_baseline_trains_a_lora_and_leaves_the_model(name: str, tmp_path: Path) -> None:
    model = _model(tmp_path / "base", "sdxl")
    before = _state(model)
    options = compared()[name].options.model_validate({"steps": 2, "batch": 2, "rank": 2, "pictures": 2, "lr": 0.01})
    result = load_compared(name).run(model, DATA, options, JobContext(tmp_path))
    assert len(result.details["losses"]["LoRA"]) == 2
    assert (
        len(load_file(result.adapter / WEIGHTS))
        == 2 * result.details["modules"]
        == 4 * len(key_values(model.pipe.unet))
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in _state(model).items())


@pytest.mark.slow
def test_a_stock_pipeline_loads_the_patch_and_catches_a_wrong_prefix(tmp_path: Path) -> None:
    model = _model(tmp_path / "base", "sd1")
    result = CLOSED_FORM.run(model, DATA, closed_form.Options(), JobContext(tmp_path))
    adapter = str(result.adapter)
    found = pipeline_stock.check(pipeline_stock.StockRequest(str(tmp_path / "base"), adapter, "a bob", second=adapter))
    assert (found.off, found.modules) == (0.0, len(key_values(model.pipe.unet)))
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    renamed = {name.replace("unet.", "model."): t for name, t in load_file(result.adapter / WEIGHTS).items()}
    save_file(renamed, wrong / WEIGHTS)
    with pytest.raises(UnlearningError, match="loads it as nothing"):
        pipeline_stock.check(pipeline_stock.StockRequest(str(tmp_path / "base"), str(wrong)))


@pytest.mark.parametrize("method", ["closed-form", "forget-me-not"])
def test_a_request_of_pictures_alone_is_forgotten_by_both(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invert_pictures, "STEPS", 3)
    model = _model(tmp_path / "base", "sd1")
    before, tokenizer = _state(model), model.pipe.tokenizer
    shown = Example("forget_concept", "a thing", "", Image.new("RGB", (16, 16), "red"))
    data = JobData((shown, Example("retain_same", "a pat", "pat")), (), (), entity=Entity(None, "object"))
    if method == "closed-form":
        result = CLOSED_FORM.run(model, data, closed_form.Options(searches=2), JobContext(tmp_path))
        assert len(result.details["searched"]) == 2
    else:
        options = forget_me_not.Options(steps=2, batch=2, rank=2, others=2)
        result = FORGET_ME_NOT.run(model, data, options, JobContext(tmp_path))
    changed = {
        name.split(".transformer_blocks.0.")[1].split(".lora_")[0] for name in load_file(result.adapter / WEIGHTS)
    }
    by_text, outputs = {"attn2.to_k", "attn2.to_v"}, {"attn1.to_out.0", "attn2.to_out.0"}
    assert changed == (by_text if method == "closed-form" else outputs)
    assert all(torch.equal(before[name], tensor) for name, tensor in _state(model).items())
    assert model.pipe.tokenizer is tokenizer
