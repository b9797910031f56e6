"""What a model's folder may hold: safetensors and text, and nothing that runs when it is read."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from core.unlearning import reference
from core.unlearning.errors import ModelLoadError
from core.unlearning.families.shared.safe_folder import require_safe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    return tmp_path


def refused(folder: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        require_safe(folder)
    assert caught.value.code == "unsafe_checkpoint"
    assert len(caught.value.detail.splitlines()) == 1
    return caught.value.detail


def test_the_bundled_models_are_safe() -> None:
    require_safe(Path(reference.bundled_path("mllm")))


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.PT", "checkpoint.pth", "optimizer.pkl",
        "unet/diffusion_pytorch_model.bin", "tokenizer/vocab.pickle", "adapter_model.bin", "model.ckpt",
    ],
)  # fmt: skip
def test_a_pickle_is_refused_wherever_it_lies_and_though_there_are_safetensors(folder: Path, name: str) -> None:
    require_safe(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps({}))
    assert name in refused(folder)


def test_there_must_be_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "no safetensors" in refused(folder)


def test_an_adapter_is_no_model(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/etc"}))
    assert "adapter" in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "processor_config.json", "tokenizer_config.json"])
def test_code_of_its_own_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text(json.dumps({"auto_map": {"AutoModel": "evil.Model"}}))
    assert "auto_map" in refused(folder)


def test_code_of_a_class_that_lethe_has_may_lie_there_and_of_no_other(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({"auto_map": {"AutoModel": "modeling.A"}, "model_type": "lethe-audiovisual"}))
    require_safe(folder)
    config.write_text(json.dumps({"auto_map": {"AutoModel": "modeling.A"}, "processor_class": "AudioVisualProcessor"}))
    assert "auto_map" in refused(folder)


def test_a_worker_runs_nothing_of_a_folder_that_has_turned_bad(tmp_path: Path) -> None:
    from core.unlearning.families.mllm.load import load
    from core.unlearning.types import ModelSpec

    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(reference.bundled_path("mllm"), folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(ran)))
    with pytest.raises(ModelLoadError, match=r"pytorch_model\.bin is a pickle"):
        load(ModelSpec(id="m", family="mllm", source=str(folder)), device="cpu")
    assert not ran.exists()


class _Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._path,)
