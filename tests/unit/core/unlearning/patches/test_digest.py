from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from core.unlearning.errors import ModelLoadError
from core.unlearning.patches.digest import BaseMismatchError, base_digest, require_base
from tests.support.patches import write_base


def _shard(source: Path, out: Path, parts: list[list[str]]) -> Path:
    tensors = load_file(source / "model.safetensors")
    out.mkdir()
    weight_map = {}
    for number, names in enumerate(parts):
        file = f"model-{number:05}.safetensors"
        save_file({name: tensors[name] for name in names}, out / file, metadata={"format": "pt", "part": str(number)})
        weight_map |= dict.fromkeys(names, file)
    (out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return out


def test_sharding_does_not_matter(tmp_path: Path) -> None:
    whole = write_base(tmp_path / "whole")
    one = _shard(whole, tmp_path / "one", [["c.weight", "half"], ["a.weight", "b.weight"]])
    other = _shard(whole, tmp_path / "other", [["b.weight"], ["half"], ["a.weight"], ["c.weight"]])
    assert base_digest(whole) == base_digest(one) == base_digest(other)
    assert base_digest(str(whole)).startswith("sha256:")
    assert len(base_digest(whole)) == len("sha256:") + 64


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t | {"a.weight": t["a.weight"] + 1e-7},
        lambda t: t | {"a.weight": t["a.weight"].reshape(3, 4)},
        lambda t: t | {"a.weight": t["a.weight"].view(torch.int32)},
        lambda t: {("z.weight" if name == "a.weight" else name): tensor for name, tensor in t.items()},
        lambda t: t | {"a.weight": t["b.weight"], "b.weight": t["a.weight"]},
        lambda t: t | {"new": torch.zeros(0)},
        lambda t: t | {"half": t["half"].to(torch.float16)},
    ],
)
def test_any_difference_of_a_tensor_matters(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    base = write_base(tmp_path / "base")
    changed = tmp_path / "changed"
    changed.mkdir()
    tensors = {name: tensor.clone() for name, tensor in change(load_file(base / "model.safetensors")).items()}
    save_file(tensors, changed / "model.safetensors")
    assert base_digest(base) != base_digest(changed)


def test_another_base_is_refused_in_words(tmp_path: Path) -> None:
    base, other = write_base(tmp_path / "base"), write_base(tmp_path / "other", seed=1)
    require_base(base_digest(base), base)
    with pytest.raises(BaseMismatchError) as error:
        require_base(base_digest(base), other)
    assert str(error.value) == (
        f"This patch was made for base {base_digest(base)[:23]}, the model in {other} is {base_digest(other)[:23]}: "
        "get the patch for that model."
    )


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no safetensors weights"):
        base_digest(tmp_path)
    with pytest.raises(ModelLoadError, match="no model"):
        base_digest("no-one/never-downloaded")
    with pytest.raises(ModelLoadError, match="no model"):
        base_digest(tmp_path / "absent")


@given(st.data())
def test_a_damaged_weight_file_is_an_error_and_not_a_digest_or_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = write_base(tmp_path_factory.mktemp("base") / "model")
    tensors = load_file(base / "model.safetensors")
    original, content = base_digest(base), bytearray((base / "model.safetensors").read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:position]
    else:
        content[position] ^= data.draw(st.integers(1, 255))
    (base / "model.safetensors").write_bytes(content)
    try:
        unchanged = base_digest(base) == original
    except ModelLoadError:
        return
    if unchanged:
        # Only the blanks that pad the header do not count.
        now = load_file(base / "model.safetensors")
        assert now.keys() == tensors.keys()
        assert all(torch.equal(now[name], tensor) for name, tensor in tensors.items())
