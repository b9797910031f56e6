from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.types import ModelSpec
from worker.attempt.warm_models import WarmModels


class AskedTokenizer:
    """Enough for an encoder to be made."""

    eos_token_id = 2
    pad_token_id = 0


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[ModelSpec]:
    """Every load from disk."""
    done: list[ModelSpec] = []

    def load(spec: ModelSpec, precision: str) -> Any:
        done.append(spec)
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        return SimpleNamespace(model=torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4)).to(dtype))

    monkeypatch.setattr("worker.attempt.warm_models.load_model", load)
    return done


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return ModelSpec("m", "mllm", str(tmp_path))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_untouched_model_is_used_again(spec: ModelSpec, loads: list[ModelSpec], precision: str) -> None:
    models = WarmModels()
    assert models.load(spec, precision).model is models.load(spec, precision).model
    assert len(loads) == 1


def test_other_defaults_and_files_in_folders_are_noticed(spec: ModelSpec, loads: list[ModelSpec]) -> None:
    models, part = WarmModels(), Path(spec.source) / "unet"
    models.load(spec, "float32")
    part.mkdir()
    (part / "weights.safetensors").write_bytes(b"weights")
    models.load(spec, "float32")
    models.load(replace(spec, defaults={"draw_steps": 20}), "float32")
    assert len(loads) == 3


def test_a_changed_weight_is_noticed(spec: ModelSpec, loads: list[ModelSpec]) -> None:
    models = WarmModels()
    first = models.load(spec, "float32")
    with torch.no_grad():
        first.model[0].weight[2, 1] += 1e-3
    assert models.load(spec, "float32").model is not first.model


def test_a_layer_that_was_left_behind_is_noticed(spec: ModelSpec, loads: list[ModelSpec]) -> None:
    models = WarmModels()
    first = models.load(spec, "float32")
    first.model.append(torch.nn.Linear(4, 4))
    assert models.load(spec, "float32").model is not first.model


def test_new_files_another_precision_and_clearing_load_again(spec: ModelSpec, loads: list[ModelSpec]) -> None:
    models = WarmModels()
    models.load(spec, "float32")
    models.load(spec, "bfloat16")
    assert len(loads) == 2
    (Path(spec.source) / "model.safetensors").write_bytes(b"other weights")
    models.load(spec, "bfloat16")
    assert len(loads) == 3
    models.clear()
    models.load(spec, "bfloat16")
    assert len(loads) == 4


def tiny() -> LanguageModel:
    model: Any = torch.nn.Linear(4, 4)
    model.generation_config = SimpleNamespace(eos_token_id=2)
    return LanguageModel(model, AskedTokenizer())


def test_what_a_job_has_seen_goes_with_it(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.attempt.warm_models.load_model", lambda *_: tiny())
    models = WarmModels()
    one, other = models.load(spec, "float32"), models.load(spec, "float32")
    assert one.model is other.model
    assert one.encoder is not other.encoder
    assert one.sharing is not other.sharing
    third = models.load(spec, "float32")
    assert third.encoder is not one.encoder
    assert third.sharing.vision is not one.sharing.vision
