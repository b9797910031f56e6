from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.unlearning.families.language.training.adapters import LoraFactors
from core.unlearning.methods.smfa.sculpt import ForgettingAdapter, product_norm, sculpt, sculpt_module


def _factors(seed: int, out: int = 9, inner: int = 7, rank: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rank, inner, generator=generator), torch.randn(out, rank, generator=generator)


def _by_hand(forget: np.ndarray, anchor: np.ndarray, k: float) -> np.ndarray:
    """The paper's rule, entry by entry in float64."""
    rho = math.sqrt((forget**2).sum()) / (math.sqrt((anchor**2).sum()) + 1e-12)
    result = forget.copy()
    for place in np.ndindex(forget.shape):
        conflict = forget[place] * anchor[place] < 0
        if conflict and k * rho * abs(anchor[place]) < abs(forget[place]):
            result[place] = 0.0
    return result


def _double(factors: tuple[torch.Tensor, torch.Tensor]) -> np.ndarray:
    return factors[1].double().numpy() @ factors[0].double().numpy()


@pytest.mark.parametrize("k", [0.0, 0.5, 1.0, 2.5, 10.0])
def test_one_view_follows_the_paper(k: float) -> None:
    forget, anchor = _factors(1), _factors(2)
    delta = sculpt_module("m", [(*forget, k, 1.0)], anchor, "element")
    assert np.allclose(delta.dense().numpy(), _by_hand(_double(forget), _double(anchor), k), atol=1e-5)
    assert delta.nnz > 0


def test_infinite_k_is_the_unsculpted_adapter() -> None:
    forget, anchor = _factors(1), _factors(2)
    delta = sculpt_module("m", [(*forget, math.inf, 1.0)], anchor, "element")
    assert delta.nnz == 0
    assert torch.allclose(delta.dense(), forget[1] @ forget[0])


def test_zero_k_takes_back_every_conflict_and_nothing_else() -> None:
    forget, anchor = _factors(1), _factors(2)
    left = sculpt_module("m", [(*forget, 0.0, 1.0)], anchor, "element").dense()
    whole, against = forget[1] @ forget[0], anchor[1] @ anchor[0]
    assert (left[whole * against < 0].abs() < 1e-5).all()
    assert torch.allclose(left[whole * against > 0], whole[whole * against > 0], atol=1e-5)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_two_views_are_sculpted_apart_and_then_added(share: float) -> None:
    image, text, anchor = _factors(1), _factors(3), _factors(2)
    delta = sculpt_module("m", [(*image, 5.0, share), (*text, 1.0, share)], anchor, "element")
    wanted = share * _by_hand(_double(image), _double(anchor), 5.0) + share * _by_hand(
        _double(text), _double(anchor), 1.0
    )
    assert np.allclose(delta.dense().numpy(), wanted, atol=1e-5)
    assert delta.rank == 6


def test_whole_rows_stay_low_rank() -> None:
    forget, anchor = _factors(1), _factors(2)
    delta = sculpt_module("m", [(*forget, 0.5, 1.0)], anchor, "row")
    assert delta.nnz == 0
    whole, against = forget[1] @ forget[0], anchor[1] @ anchor[0]
    rho = whole.norm() / against.norm()
    for row in range(len(whole)):
        taken = float(whole[row] @ against[row]) < 0 and float(0.5 * rho * against[row].norm()) < float(
            whole[row].norm()
        )
        assert torch.allclose(delta.dense()[row], whole[row] * (not taken), atol=1e-5)


def test_an_anchor_that_learnt_nothing_masks_nothing() -> None:
    forget, anchor = _factors(1), _factors(2)
    delta = sculpt_module("m", [(*forget, 0.0, 1.0)], (anchor[0], torch.zeros_like(anchor[1])), "element")
    assert delta.nnz == 0


def test_norm_of_a_product_without_the_product() -> None:
    a, b = _factors(4, out=40, inner=30, rank=5)
    assert product_norm(a, b) == pytest.approx(float((b.double() @ a.double()).norm()), rel=1e-9)


def test_saved_factors_carry_their_scaling(tmp_path: Path) -> None:
    for seed, name in ((1, "forget"), (2, "anchor")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text('{"lora_alpha": 12, "r": 3}')
        a, b = _factors(seed)
        tensors = {"base_model.model.x.y.lora_A.weight": a, "base_model.model.x.y.lora_B.weight": b}
        save_file(tensors, folder / "adapter_model.safetensors")
    (delta,) = sculpt(
        [ForgettingAdapter(LoraFactors(tmp_path / "forget"), 1.0)], LoraFactors(tmp_path / "anchor"), "element"
    )
    assert delta.name == "x.y"
    wanted = _by_hand(4 * _double(_factors(1)), 4 * _double(_factors(2)), 1.0)
    assert np.allclose(delta.dense().numpy(), wanted, atol=1e-4)
