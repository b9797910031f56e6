"""Trainable weights of the model, and their export as an ordinary PEFT LoRA."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.methods.ccu.config import Options
from core.unlearning.patches import lora_export
from core.unlearning.patches.modules import ModuleDelta


@dataclass(frozen=True)
class Tuning:
    """A model with `parameters` to train. Inside `original()` it is what it was; `write` gives the fidelity's error."""

    model: AudioVisualModel
    parameters: Sequence[nn.Parameter]
    original: Callable[[], AbstractContextManager[None]]
    write: Callable[[Path], float]


@contextmanager
def tuning(model: AudioVisualModel, options: Options) -> Iterator[Tuning]:
    """The model made trainable; afterwards it is as it was, and frozen."""
    names = model.visual_targets()
    if not options.freeze_other:
        names = [*names, *model.audio_targets()]
    prepared = _with_lora(model, names, options) if options.tuning == "lora" else _with_all_weights(model, names)
    with prepared as made:
        yield made


def pattern(names: Sequence[str]) -> str:
    """A regular expression for whole paths; layers that differ in their number alone share one alternative."""
    alternatives = {re.sub(r"(?<=\\\.)\d+(?=\\\.)", r"\\d+", re.escape(name)) for name in names}
    return "|".join(sorted(alternatives))


@contextmanager
def _with_lora(model: AudioVisualModel, names: Sequence[str], options: Options) -> Iterator[Tuning]:
    torch.manual_seed(options.seed)
    config = LoraConfig(r=options.rank, lora_alpha=options.rank, target_modules=pattern(names), bias="none")
    wrapped = get_peft_model(model.model, config)
    try:
        parameters = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
        yield Tuning(
            replace(model, model=wrapped.eval()),
            parameters,
            wrapped.disable_adapter,
            lambda folder: _save(wrapped, folder, model.source),
        )
    finally:
        wrapped.unload()
        # PEFT leaves its mark on the model, and warns when the next job finds it.
        vars(model.model).pop("peft_config", None)
        model.model.requires_grad_(False)


def _save(wrapped: Any, folder: Path, base_model: str) -> float:
    # Told apart from the embedding layers by name alone, PEFT would ask the hub for the base's vocabulary.
    wrapped.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    config = folder / "adapter_config.json"
    named = json.loads(config.read_text()) | {"base_model_name_or_path": base_model}
    config.write_text(json.dumps(named, indent=2, sort_keys=True) + "\n")
    return 0.0


@contextmanager
def _with_all_weights(model: AudioVisualModel, names: Sequence[str]) -> Iterator[Tuning]:
    """Every weight matrix that a LoRA would sit on; biases, norms and embeddings have no place in a LoRA."""
    weights = {name: model.model.get_submodule(name).weight for name in names}
    if any(weight.ndim != 2 for weight in weights.values()):
        raise InvalidInputError("full tuning needs an encoder of linear layers", code="invalid_option")
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    for weight in weights.values():
        weight.requires_grad_(True)

    def deltas() -> Iterator[ModuleDelta]:
        for name, weight in weights.items():
            yield _delta(name, (weight.detach() - before[name]).float())

    def write(folder: Path) -> float:
        rank = max(min(weight.shape) for weight in weights.values())
        target = pattern(names)
        made = lora_export.write(deltas, folder, rank=rank, base_model=model.source, target_modules=target)
        return made.error

    try:
        yield Tuning(model, list(weights.values()), lambda: _with_values(weights, before), write)
    finally:
        _set_values(weights, before)
        model.model.requires_grad_(False)


def _delta(name: str, change: Tensor) -> ModuleDelta:
    """The change [out, in] as factors: itself and an identity."""
    rows, columns = change.shape
    none = torch.zeros(0, dtype=torch.int64), torch.zeros(0)
    if rows < columns:
        return ModuleDelta(name, change, torch.eye(rows).to(change), *none)
    return ModuleDelta(name, torch.eye(columns).to(change), change, *none)


@contextmanager
def _with_values(weights: dict[str, nn.Parameter], values: dict[str, Tensor]) -> Iterator[None]:
    trained = {name: weight.detach().clone() for name, weight in weights.items()}
    _set_values(weights, values)
    try:
        yield
    finally:
        _set_values(weights, trained)


@torch.no_grad()
def _set_values(weights: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, weight in weights.items():
        weight.copy_(values[name])
