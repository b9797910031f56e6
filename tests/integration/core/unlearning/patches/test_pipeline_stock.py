"""Looking at a patch in a stock pipeline that is loaded already: what is found, and that nothing of it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.unlearning.errors import IneffectivePatchError, UnlearningError
from core.unlearning.families.diffusion.family import FAMILY
from core.unlearning.families.diffusion.model.attention import key_values
from core.unlearning.families.diffusion.model.lora_file import WEIGHTS
from core.unlearning.patches import pipeline_stock
from core.unlearning.patches.pipeline_stock import examine
from tests.support.tiny_pipelines import pipeline

SCALE = 0.5


def patch(
    folder: Path,
    pipe: Any,
    *,
    prefix: str = "unet.",
    rename: str = "",
    scale: float = SCALE,
    alpha: float | None = None,
) -> Path:
    """A patch of every projection that reads text; `rename`: of the first layer; `alpha`: not that of our patches."""
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}
    for n, (path, layer) in enumerate(key_values(pipe.unet).items()):
        name = f"{prefix}{path.replace('attn2', rename) if rename and not n else path}"
        tensors[f"{name}.lora_A.weight"] = torch.randn(2, layer.in_features, generator=generator)
        tensors[f"{name}.lora_B.weight"] = scale * torch.randn(layer.out_features, 2, generator=generator)
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_a_sound_patch_is_found_so_and_leaves_the_pipeline_to_the_bit(tmp_path: Path) -> None:
    pipe = pipeline()
    before = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}
    found = examine(pipe, patch(tmp_path / "one", pipe), "a bob")
    found.check()
    assert (found.off, found.modules, found.half) == (0.0, len(key_values(pipe.unet)), False)
    assert found.merged < 1e-3 * found.effect
    after = pipe.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_a_patch_that_does_little_is_told_from_rounding(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = pipeline("sdxl").to(dtype)
    before = {name: tensor.clone() for name, tensor in pipe.unet.state_dict().items()}
    found = examine(pipe, patch(tmp_path / "one", pipe, scale=0.05), "a bob")
    found.check()
    assert (found.off, found.half) == (0.0, True)
    assert all(torch.equal(before[name], tensor) for name, tensor in pipe.unet.state_dict().items())
    changes = pipeline_stock._changes(tmp_path / "one")
    monkeypatch.setattr(pipeline_stock, "_changes", lambda _: {path: 1.1 * change for path, change in changes.items()})
    with pytest.raises(UnlearningError, match="scale 1 is not what its factors say"):
        examine(pipe, tmp_path / "one", "a bob").check()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"prefix": "model."}, "loads it as nothing"), ({"rename": "attn3"}, "1 of its modules are not in the model")],
)
def test_what_diffusers_only_warns_about_is_caught(wrong: dict[str, str], told: str, tmp_path: Path) -> None:
    pipe = pipeline()
    with pytest.raises(UnlearningError, match=told) as caught:
        examine(pipe, patch(tmp_path / "one", pipe, **wrong), "a bob").check()  # type: ignore[arg-type]
    assert caught.value.code == "patch_does_not_fit"
    assert not any("lora" in name for name in pipe.unet.state_dict())


def test_a_patch_of_zeros_is_caught_from_the_file_alone(tmp_path: Path) -> None:
    FAMILY.check_effect(patch(tmp_path / "one", pipeline()))
    with pytest.raises(IneffectivePatchError):
        FAMILY.check_effect(patch(tmp_path / "one", pipeline(), scale=0.0))
