from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file

from core.unlearning.patches import lora_export
from core.unlearning.patches.modules import ModuleDelta
from tests.support.patches import TARGETS, random_delta


def _written(out: Path, name: str) -> torch.Tensor:
    tensors = load_file(out / "adapter_model.safetensors")
    prefix = f"base_model.model.{name}"
    return tensors[f"{prefix}.lora_B.weight"].double() @ tensors[f"{prefix}.lora_A.weight"].double()


def _tail(dense: torch.Tensor, rank: int) -> float:
    """Eckart-Young: the error of the best approximation is the rest of the spectrum."""
    spectrum = torch.linalg.svdvals(dense.double())
    return float(spectrum[rank:].norm() / spectrum.norm())


def test_the_error_is_the_smallest_possible_and_is_what_is_reported(tmp_path: Path) -> None:
    deltas = [
        random_delta("a.up_proj", (24, 16), rank=3, nnz=60, seed=1),
        random_delta("b.up_proj", (8, 30), rank=2, nnz=40, seed=2),
    ]
    export = lora_export.write(lambda: iter(deltas), tmp_path, rank=4, base_model="tiny", target_modules=TARGETS)
    lost = whole = 0.0
    for delta in deltas:
        error = (_written(tmp_path, delta.name) - delta.dense().double()).norm()
        assert export.modules[delta.name] == pytest.approx(_tail(delta.dense(), 4), rel=1e-4)
        assert export.modules[delta.name] == pytest.approx(float(error / delta.dense().norm()), rel=1e-4)
        lost, whole = lost + float(error**2), whole + float(delta.dense().norm() ** 2)
    assert export.error == pytest.approx((lost / whole) ** 0.5, rel=1e-4)
    assert json.loads((tmp_path / "fidelity.json").read_text())["error"] == export.error
    config = LoraConfig.from_pretrained(str(tmp_path))
    assert config.r == config.lora_alpha == 4


def test_a_rank_above_the_weights_own_is_exact(tmp_path: Path) -> None:
    delta = random_delta("a.up_proj", (5, 9), nnz=20)
    export = lora_export.write(lambda: [delta], tmp_path, rank=8, base_model="tiny", target_modules=TARGETS)
    assert export.error < 1e-6
    torch.testing.assert_close(_written(tmp_path, "a.up_proj"), delta.dense().double(), atol=1e-5, rtol=1e-5)


def test_randomised_decomposition_is_close_to_the_best_and_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lora_export, "_EXACT_UP_TO", 0)
    delta = random_delta("a.up_proj", (200, 150), rank=6, nnz=3000).dense()
    lora_a, lora_b = lora_export.nearest_factors(delta, 12, seed=5)
    error = float((delta - lora_b @ lora_a).norm() / delta.norm())
    assert error <= _tail(delta, 12) * 1.02
    again_a, again_b = lora_export.nearest_factors(delta, 12, seed=5)
    assert torch.equal(lora_a, again_a)
    assert torch.equal(lora_b, again_b)


def test_an_empty_delta_has_no_error(tmp_path: Path) -> None:
    nothing = ModuleDelta(
        "a.up_proj", torch.zeros(1, 3), torch.zeros(4, 1), torch.empty(0, dtype=torch.int64), torch.empty(0)
    )
    assert lora_export.write(lambda: [nothing], tmp_path, rank=2, base_model="t", target_modules=TARGETS).error == 0.0
