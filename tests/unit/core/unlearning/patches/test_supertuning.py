from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel, SupertuningConfig
from safetensors.torch import load_file
from torch import nn

from core.unlearning.errors import DivergedError, IneffectivePatchError, UnlearningError
from core.unlearning.patches import stock, supertuning
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.tensor_file import TensorWriter
from tests.support.patches import TARGETS, random_delta

SIDES = st.integers(1, 97)


class Layers(nn.Module):
    """Linear layers of given shapes under the names that `TARGETS` matches."""

    def __init__(self, shapes: list[tuple[int, int]]) -> None:
        super().__init__()
        self.config = {"model_type": "custom"}
        self.layers = nn.ModuleList(nn.ModuleDict({"up_proj": nn.Linear(i, o, bias=False)}) for o, i in shapes)

    def forward(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        return [layer["up_proj"](x) for layer, x in zip(self.layers, inputs, strict=True)]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(SIDES, SIDES, st.floats(0, 1)), min_size=1, max_size=6))
def test_one_sparsity_leaves_room_for_every_support(weights: list[tuple[int, int, float]]) -> None:
    needs = [(rows * columns, round(share * rows * columns)) for rows, columns, share in weights]
    sparsity = supertuning.global_sparsity(needs)
    assert 0 <= sparsity < 1
    densest = max(max(1, nnz) / numel for numel, nnz in needs)
    for numel, nnz in needs:
        length = int(numel * (1 - sparsity))
        assert max(1, nnz) <= length <= numel
        assert length <= math.ceil(numel * densest)


@pytest.mark.parametrize("numel", [4096 * 11008, 4096 * 512, 151_936 * 896, 3 * 7, 49, 10])
@pytest.mark.parametrize("share", [1e-7, 0.07, 0.1, 1 / 3, 0.7, 0.999999, 1.0])
def test_rounding_never_loses_an_entry_of_a_large_weight(numel: int, share: float) -> None:
    nnz = max(1, int(numel * share))
    sparsity = supertuning.global_sparsity([(numel, nnz)])
    assert nnz <= int(numel * (1 - sparsity)) <= nnz + 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(2, 19), st.integers(2, 19), st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=4
    ),
    st.integers(0, 10_000),
)
def test_stock_peft_gives_base_plus_delta_for_any_shapes(
    tmp_path_factory: pytest.TempPathFactory, weights: list[tuple[int, int, float, int]], seed: int
) -> None:
    torch.manual_seed(seed)
    out = tmp_path_factory.mktemp("patch")
    deltas = [
        random_delta(f"layers.{n}.up_proj", (o, i), rank=rank, nnz=round(share * o * i), seed=seed + n)
        for n, (o, i, share, rank) in enumerate(weights)
    ]
    supertuning.write(lambda: iter(deltas), out, base_model="none", target_modules=TARGETS)
    model = Layers([delta.shape for delta in deltas])
    inputs = [torch.randn(3, delta.shape[1]) for delta in deltas]
    expected = [
        x.double() @ (layer["up_proj"].weight.double() + _dense64(delta)).T
        for x, layer, delta in zip(inputs, model.layers, deltas, strict=True)
    ]
    outputs = PeftModel.from_pretrained(model, str(out))(inputs)
    for got, want in zip(outputs, expected, strict=True):
        torch.testing.assert_close(got.double(), want, atol=1e-4, rtol=1e-5)


def _dense64(delta: ModuleDelta) -> torch.Tensor:
    dense = delta.lora_b.double() @ delta.lora_a.double()
    for position, value in zip(delta.indices.tolist(), delta.values.tolist(), strict=True):
        dense[position // dense.shape[1], position % dense.shape[1]] += value
    return dense


def test_without_any_masked_entry_the_adapter_is_a_plain_lora(tmp_path: Path) -> None:
    delta = random_delta("layers.0.up_proj", (5, 7), nnz=0)
    written = supertuning.write(lambda: [delta], tmp_path, base_model="none", target_modules=TARGETS)
    assert (written.nnz, written.support) == (0, 1)
    model = Layers([(5, 7)])
    base = model.layers[0]["up_proj"].weight.detach().clone()
    merged = PeftModel.from_pretrained(model, str(tmp_path)).merge_and_unload()
    torch.testing.assert_close(merged.layers[0]["up_proj"].weight, base + delta.lora_b @ delta.lora_a)


def test_what_is_written_is_what_the_format_asks_for(tmp_path: Path) -> None:
    deltas = [random_delta("layers.0.up_proj", (4, 6), rank=1, nnz=6), random_delta("layers.1.up_proj", (8, 6), rank=3)]
    written = supertuning.write(lambda: deltas, tmp_path, base_model="tiny", target_modules=TARGETS)
    config = SupertuningConfig.from_pretrained(str(tmp_path))
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert (config.r, config.lora_alpha, config.sparsity) == (3, 3.0, written.sparsity)
    assert (config.target_modules, config.base_model_name_or_path) == (TARGETS, "tiny")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32, torch.int32}
    prefix = "base_model.model.layers.1.up_proj.supertuning_"
    assert tensors[f"{prefix}indices"].tolist() == [*deltas[1].indices.tolist(), *[0] * 9]
    assert tensors[f"{prefix}values"].tolist() == [*deltas[1].values.tolist(), *[0.0] * 9]


@pytest.mark.parametrize(
    ("delta", "error"),
    [
        (random_delta("layers.0.q_proj", (4, 4)), UnlearningError),
        (
            ModuleDelta("a.up_proj", torch.full((1, 2), torch.nan), torch.ones(2, 1), torch.tensor([0]), torch.ones(1)),
            DivergedError,
        ),
        (ModuleDelta("a.up_proj", torch.ones(1, 2), torch.ones(2, 1), torch.tensor([4]), torch.ones(1)), ValueError),
    ],
)
def test_what_cannot_be_a_patch_is_refused(tmp_path: Path, delta: ModuleDelta, error: type[Exception]) -> None:
    with pytest.raises(error):
        supertuning.write(lambda: [delta], tmp_path, base_model="none", target_modules=TARGETS)
    assert not (tmp_path / "adapter_config.json").exists()


def test_no_module_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnlearningError, match="no module"):
        supertuning.write(list, tmp_path, base_model="none", target_modules=TARGETS)


def test_passes_that_differ_leave_no_file(tmp_path: Path) -> None:
    passes = iter([[random_delta("a.up_proj", (4, 4), nnz=2)], [random_delta("a.up_proj", (4, 4), nnz=3)]])
    with pytest.raises(RuntimeError, match="two passes"):
        supertuning.write(lambda: next(passes), tmp_path, base_model="none", target_modules=TARGETS)
    assert list(tmp_path.iterdir()) == []


def test_a_delta_that_cancels_out_has_no_effect(tmp_path: Path) -> None:
    factors = random_delta("a.up_proj", (4, 4), nnz=0)
    product = (factors.lora_b @ factors.lora_a).reshape(-1)
    nothing = ModuleDelta("a.up_proj", factors.lora_a, factors.lora_b, torch.arange(16), -product)
    supertuning.write(lambda: [nothing], tmp_path / "nothing", base_model="none", target_modules=TARGETS)
    with pytest.raises(IneffectivePatchError):
        stock.check_effect(tmp_path / "nothing")
    some = random_delta("a.up_proj", (4, 4))
    supertuning.write(lambda: [some], tmp_path / "some", base_model="none", target_modules=TARGETS)
    assert stock.check_effect(tmp_path / "some") == pytest.approx(float(_dense64(some).norm()), rel=1e-5)


def test_the_writer_refuses_tensors_out_of_turn(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    declared = [("a", "F32", (2,)), ("b", "I32", (1,))]
    with pytest.raises(ValueError, match="declared"), TensorWriter(path, declared) as writer:
        writer.write("b", bytes(4))
    with pytest.raises(ValueError, match="not written"), TensorWriter(path, declared) as writer:
        writer.write("a", bytes(8))
    assert not path.exists()
