"""What training does when memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from core.unlearning.errors import OutOfMemoryError
from core.unlearning.families.language.load import dtype_for
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.families.language.training.deltas import with_deltas
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.train import AdapterTraining, Gradients
from core.unlearning.families.registry import load_family
from core.unlearning.types import ModelSpec
from tests.support.tiny_multimodal_models import save

QUESTIONS = ("Where was this person born?", "What is their job?", "Who?", "What colour?")


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    source = save("llava", tmp_path_factory.mktemp("base"))
    model: LanguageModel = load_family("mllm").load(ModelSpec("tiny", "mllm", str(source)))
    return model


def rows(lm: LanguageModel) -> list[TrainingRow]:
    return [TrainingRow(lm.encoder.with_answer(q, None, "I don't know.")) for q in QUESTIONS]


class Scarce:
    """Memory for so many rows at once, or for so many where layers are recomputed."""

    def __init__(self, kept: int, recomputed: int) -> None:
        self.kept, self.recomputed = kept, recomputed
        self.tried: list[tuple[bool, int]] = []

    def __call__(self, lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> torch.Tensor:
        layer = next(m for m in model.modules() if isinstance(m, GradientCheckpointingLayer))
        recomputes = bool(layer.gradient_checkpointing and layer.training)
        self.tried.append((recomputes, len(rows)))
        if len(rows) > (self.recomputed if recomputes else self.kept):
            raise torch.OutOfMemoryError
        return answer_losses(lm, model, rows)


def gradients(lm: LanguageModel, scarce: Scarce) -> tuple[float, torch.Tensor]:
    with with_deltas(lm.model, ["model.language_model.layers.0.mlp.down_proj"]) as deltas:
        parameters = list(deltas.values())
        found = Gradients(lm, lm.model, parameters, AdapterTraining("a", (), 0, scarce), micro=4)
        loss = found.compute(rows(lm))
        assert parameters[0].grad is not None
        return loss, parameters[0].grad


def test_layers_are_recomputed_first_and_then_micro_batches_halved_with_the_same_gradients(lm: LanguageModel) -> None:
    before = {name: dict(vars(module)) for name, module in lm.model.named_modules()}
    plenty, some, little = Scarce(9, 9), Scarce(2, 9), Scarce(0, 1)
    loss, wanted = gradients(lm, plenty)
    assert plenty.tried == [(False, 4)]
    for scarce, tried in (
        (some, [(False, 4), (True, 4)]),
        (little, [(False, 4), (True, 4), (True, 2), (True, 1), (True, 1), (True, 1), (True, 1)]),
    ):
        again, found = gradients(lm, scarce)
        assert scarce.tried == tried
        assert again == pytest.approx(loss, abs=1e-6)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)
    assert {name: module.training for name, module in lm.model.named_modules()} == {
        name: values["training"] for name, values in before.items()
    }
    assert all(vars(module).keys() == before[name].keys() for name, module in lm.model.named_modules())


def test_what_does_not_fit_row_by_row_fails_in_words(lm: LanguageModel) -> None:
    with pytest.raises(OutOfMemoryError):
        gradients(lm, Scarce(0, 0))


def test_gradients_pass_through_four_bits_after_the_model_was_asked(tmp_path: Path) -> None:
    spec = ModelSpec("tiny", "mllm", str(save("llava_wide", tmp_path)))
    packed = load_family("mllm").load(spec, precision="4bit")
    score_encoded(packed, [row.encoded for row in rows(packed)])
    _, found = gradients(packed, Scarce(9, 9))
    packed.model = packed.model.dequantize()
    _, wanted = gradients(packed, Scarce(9, 9))
    assert wanted.abs().max() > 1e-4
    assert torch.nn.functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0) > 0.99


@pytest.mark.parametrize(("has", "wanted"), [(True, torch.bfloat16), (False, "auto")])
def test_accelerators_with_bfloat16_use_it(has: bool, wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has and not including_emulation)
    assert dtype_for("auto", "cuda") == wanted
    assert dtype_for("auto", "cpu") == torch.float32
    assert dtype_for("float16", "cuda") == torch.float16
