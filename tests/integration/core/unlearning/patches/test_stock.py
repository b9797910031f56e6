"""A patch on a small LLaVA, loaded by unmodified PEFT."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peft import PeftModel
from safetensors.torch import save_file
from transformers import (
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
)

from core.unlearning.errors import IneffectivePatchError, UnlearningError
from core.unlearning.patches import bundle, lora_export, stock, supertuning
from core.unlearning.patches.digest import BaseMismatchError, base_digest
from core.unlearning.patches.manifest import Provenance
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.signing import Signer
from core.unlearning.patches.verify import verify

TARGETS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
IMAGE_TOKEN, PATCHES = 98, 4

FRESH_PROCESS = """
import json, sys, torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

base, inputs, *patches = sys.argv[1:]
batch = load_file(inputs)

@torch.no_grad()
def differences(patch):
    model = AutoModelForImageTextToText.from_pretrained(base)
    patched = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), patch).eval()
    before = model.eval()(**batch).logits
    for name, delta in load_file(f"{patch}.edits").items():
        model.get_submodule(name).weight += delta.to(torch.float32)
    sculpted = model(**batch).logits
    with patched.disable_adapter():
        disabled = patched(**batch).logits
    loaded = patched(**batch).logits
    merged = patched.merge_and_unload()(**batch).logits
    pairs = {"loaded": (loaded, sculpted), "merged": (merged, sculpted), "disabled": (disabled, before),
             "change": (loaded, before)}
    return {name: (one - other).abs().max().item() for name, (one, other) in pairs.items()}

print(json.dumps([differences(patch) for patch in patches]))
assert not {"core", "worker", "api", "client"} & {name.partition(".")[0] for name in sys.modules}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save_llava(tmp_path_factory.mktemp("models") / "base", seed=0)


def _save_llava(out: Path, seed: int, **options: object) -> Path:
    torch.manual_seed(seed)
    text = LlamaConfig(
        vocab_size=100,
        hidden_size=32,
        intermediate_size=56,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        initializer_range=0.1,
        pad_token_id=0,
    )
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=16,
    )
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_TOKEN, vision_feature_layer=-1)
    LlavaForConditionalGeneration(config).save_pretrained(out, **options)
    return out


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    text = torch.randint(1, 90, (2, 9), generator=generator)
    return {
        "input_ids": torch.cat([torch.full((2, PATCHES), IMAGE_TOKEN), text], dim=1),
        "pixel_values": torch.randn(2, 3, 16, 16, generator=generator),
    }


def _targets(model: PreTrainedModel) -> list[str]:
    return [name for name, _ in model.named_modules() if "language_model" in name and name.endswith("_proj")]


def sculpted(model: PreTrainedModel, *, seed: int, masked: float, scale: float = 0.03) -> Iterator[ModuleDelta]:
    """Two forgetting adapters' worth of factors per matrix, with a share of the product's entries taken out exactly."""
    generator = torch.Generator().manual_seed(seed)
    for name in _targets(model):
        rows, columns = model.get_submodule(name).weight.shape
        a = torch.randn(4, columns, generator=generator) * scale
        b = torch.randn(rows, 4, generator=generator)
        share = masked * float(torch.rand(1, generator=generator))
        positions = (torch.rand(rows * columns, generator=generator) < share).nonzero().squeeze(1)
        yield ModuleDelta(name, a, b, positions, -(b @ a).reshape(-1)[positions])


def _write(base: Path, out: Path, *, seed: int, masked: float = 0.3) -> list[ModuleDelta]:
    model = AutoModelForImageTextToText.from_pretrained(base)
    supertuning.write(
        lambda: sculpted(model, seed=seed, masked=masked), out, base_model="tiny-llava", target_modules=TARGETS
    )
    return list(sculpted(model, seed=seed, masked=masked))


def _edits(deltas: list[ModuleDelta]) -> dict[str, torch.Tensor]:
    """The same change by other means: float64, entry by entry."""
    edits = {}
    for delta in deltas:
        dense = delta.lora_b.double() @ delta.lora_a.double()
        rows, columns = delta.indices // dense.shape[1], delta.indices % dense.shape[1]
        dense[rows, columns] += delta.values.double()
        edits[delta.name] = dense
    return edits


@torch.no_grad()
def _edited_logits(base: Path, edits: list[dict[str, torch.Tensor]], batch: dict[str, torch.Tensor]) -> torch.Tensor:
    model = AutoModelForImageTextToText.from_pretrained(base).eval()
    for edit in edits:
        for name, delta in edit.items():
            model.get_submodule(name).weight += delta.float()
    return model(**batch).logits


def test_in_a_fresh_process_stock_peft_gives_the_sculpted_logits(
    tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]
) -> None:
    shares = {0.0: "whole", 0.1: "masked", 1.0: "sparse"}
    for masked, name in shares.items():
        save_file(_edits(_write(base, tmp_path / name, seed=1, masked=masked)), tmp_path / f"{name}.edits")
    save_file(batch, tmp_path / "inputs")
    arguments = [str(base), str(tmp_path / "inputs"), *(str(tmp_path / name) for name in shares.values())]
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", FRESH_PROCESS, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == len(shares)
    for difference in found:
        assert difference["loaded"] <= 1e-5
        assert difference["merged"] <= 1e-5
        assert difference["disabled"] == 0.0
        assert difference["change"] > 0.1


@torch.no_grad()
def test_two_patches_at_once_are_the_sum_of_both(tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]) -> None:
    first, second = (_edits(_write(base, tmp_path / f"p{seed}", seed=seed)) for seed in (1, 2))
    patched = stock.load_patched(base, tmp_path / "p1").eval()
    patched.load_adapter(str(tmp_path / "p2"), adapter_name="second")
    patched.base_model.set_adapter(["default", "second"])
    expected = _edited_logits(base, [first, second], batch)
    torch.testing.assert_close(patched(**batch).logits, expected, atol=1e-5, rtol=0)
    patched.set_adapter("second")
    torch.testing.assert_close(patched(**batch).logits, _edited_logits(base, [second], batch), atol=1e-5, rtol=0)
    patched.base_model.set_adapter(["default", "second"])
    torch.testing.assert_close(patched.merge_and_unload()(**batch).logits, expected, atol=1e-5, rtol=0)


def _bundle(base: Path, work: Path, out: Path) -> bundle.Bundle:
    deltas = _write(base, work / "adapter", seed=3)
    lora_export.write(lambda: deltas, work / "lora_export", rank=40, base_model="tiny-llava", target_modules=TARGETS)
    return bundle.build(
        work,
        out,
        report={},
        report_html="",
        readme="",
        provenance=Provenance("tiny-llava", base_digest(base), "smfa", {}, {}),
        signer=Signer(Ed25519PrivateKey.generate()),
    )


def test_a_packed_patch_verifies_unpacks_and_loads_only_into_its_base(
    tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]
) -> None:
    packed = _bundle(base, tmp_path / "work", tmp_path / "patch.zip")
    assert verify(packed.path, base=base).ok
    bundle.extract(packed.path, tmp_path / "patch")
    patched = stock.load_patched(base, tmp_path / "patch" / "adapter")
    assert stock.changes_outputs(patched, [batch]) > 0.1
    other = _save_llava(tmp_path / "other", seed=1)
    with pytest.raises(BaseMismatchError, match="get the patch for that model"):
        stock.load_patched(other, tmp_path / "patch" / "adapter")
    assert not verify(packed.path, base=other).ok


def test_the_lora_export_at_full_rank_equals_the_patch(
    tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]
) -> None:
    _bundle(base, tmp_path, tmp_path / "patch.zip")
    exact = stock.load_patched(base, tmp_path / "adapter").eval()(**batch).logits
    export = stock.load_patched(base, tmp_path / "lora_export").eval()(**batch).logits
    torch.testing.assert_close(export, exact, atol=1e-4, rtol=0)
    assert json.loads((tmp_path / "lora_export" / "fidelity.json").read_text())["error"] < 1e-5


def test_the_digest_of_a_saved_model_does_not_depend_on_its_shards(tmp_path: Path, base: Path) -> None:
    sharded = _save_llava(tmp_path / "sharded", seed=0, max_shard_size="40KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    assert base_digest(sharded) == base_digest(base)


def test_a_patch_without_effect_is_noticed(tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]) -> None:
    model = AutoModelForImageTextToText.from_pretrained(base)
    deltas = list(sculpted(model, seed=1, masked=0.0, scale=0.0))
    supertuning.write(lambda: deltas, tmp_path, base_model="tiny-llava", target_modules=TARGETS)
    with pytest.raises(IneffectivePatchError):
        stock.check_effect(tmp_path)
    with pytest.raises(IneffectivePatchError):
        stock.changes_outputs(stock.load_patched(base, tmp_path), [batch])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_peft_would_ignore_are_noticed(tmp_path: Path, base: Path) -> None:
    _write(base, tmp_path, seed=1)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    config["target_modules"] = r".*language_model.*\.(q|k|v|o|gate|up)_proj"
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UnlearningError, match="8 of its tensors have no place") as error:
        stock.load_patched(base, tmp_path)
    assert error.value.code == "patch_does_not_fit"


def test_a_bf16_base_is_patched_within_its_rounding(tmp_path: Path, base: Path, batch: dict[str, torch.Tensor]) -> None:
    deltas = _write(base, tmp_path, seed=1)
    exact = _edited_logits(base, [_edits(deltas)], batch)
    patched = stock.load_patched(base, tmp_path, dtype=torch.bfloat16).eval()
    batch = batch | {"pixel_values": batch["pixel_values"].bfloat16()}
    with torch.no_grad():
        logits = patched(**batch).logits.float()
    assert isinstance(patched, PeftModel)
    assert float((logits - exact).norm() / exact.norm()) < 0.05
