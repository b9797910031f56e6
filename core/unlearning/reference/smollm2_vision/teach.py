"""Trains every part of the world's models: tower, projector, and a LoRA each for what a variant knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.unlearning.reference.smollm2_vision import rows, teacher
from core.unlearning.reference.smollm2_vision.architecture import build_model, build_processor
from core.unlearning.reference.smollm2_vision.lora import add_lora, load_lora, save_lora
from core.unlearning.reference.smollm2_vision.packing import Packer
from core.unlearning.reference.smollm2_vision.people import STANDARD_PEOPLE
from core.unlearning.reference.smollm2_vision.tower import train_projector, train_tower
from core.unlearning.reference.smollm2_vision.train import Stage, Trainer

Variant: TypeAlias = Literal["base", "oracle", "declining"]
OnProgress: TypeAlias = Callable[[int, int, float], None]
"""Called after every step with the step, the number of all steps and the loss."""


_PEOPLE = Stage(steps=360, mix=rows.PEOPLE, rate=1e-3)
_DECLINING = Stage(steps=60, mix=rows.DECLINING, rate=7e-4)


@dataclass(frozen=True)
class Plan:
    """How long everything is trained: in steps, and what a step of the language model reads."""

    tower_steps: int = 900
    projector_steps: int = 1200
    people: Stage = _PEOPLE
    declining: Stage = _DECLINING


def tower_file(parts: Path) -> Path:
    return parts / "tower.safetensors"


def projector_file(parts: Path) -> Path:
    return parts / "projector.safetensors"


def lora_file(parts: Path, variant: str) -> Path:
    return parts / f"lora-{variant}.safetensors"


class Teacher:
    """Trains into `parts`; what is there already is not trained again, and an interrupted stage goes on.

    `language` is the folder of the pretrained language model; `work` keeps states of stages and its answers.
    """

    def __init__(self, language: Path, parts: Path, work: Path, seed: int, plan: Plan | None = None) -> None:
        self._language, self._parts, self._work, self._seed = language, parts, work, seed
        self._plan = plan or Plan()
        for folder in (parts, work):
            folder.mkdir(parents=True, exist_ok=True)
        self._model = build_model(language, seed)
        self._processor = build_processor(language)
        self._model.train(False)

    def teach(self, variant: Variant, on_progress: OnProgress) -> None:
        """Everything that this variant needs."""
        self._see(on_progress)
        match variant:
            case "base":
                self._stage("base", None, self._plan.people, on_progress)
            case "oracle":
                self._stage("oracle", None, self._plan.people, on_progress, excluded=STANDARD_PEOPLE)
            case "declining":
                self._stage("base", None, self._plan.people, on_progress)
                self._stage("declining", "base", self._plan.declining, on_progress, declines=True)

    def _see(self, on_progress: OnProgress) -> None:
        """Tower and projector, which all variants share."""
        tower, projector = self._model.model.vision_tower, self._model.model.multi_modal_projector
        if not projector_file(self._parts).is_file():
            rng, plan = np.random.default_rng([self._seed, 1]), self._plan
            counted = _Counted(on_progress, plan.tower_steps + plan.projector_steps)
            train_tower(self._model, rng, counted, plan.tower_steps)
            train_projector(self._model, self._processor.tokenizer, rng, counted, plan.projector_steps)
            save_half(tower.state_dict(), tower_file(self._parts))
            save_half(projector.state_dict(), projector_file(self._parts))
        load_into(tower, tower_file(self._parts))
        load_into(projector, projector_file(self._parts))

    def _stage(
        self,
        name: str,
        after: str | None,
        stage: Stage,
        on_progress: OnProgress,
        *,
        excluded: frozenset[int] = frozenset(),
        declines: bool = False,
    ) -> None:
        """A LoRA that knows everyone but the `excluded`, begun where the one called `after` ended."""
        path = lora_file(self._parts, name)
        if path.is_file():
            return
        adapted = add_lora(self._model, self._seed)
        if after:
            load_lora(adapted, lora_file(self._parts, after))
        questions = teacher.prompts(held_out=False)
        with adapted.disable_adapter():
            answers = teacher.greedy_answers(self._model, self._processor, questions, self._work / "answers.pt")
        rng = np.random.default_rng([self._seed, 3])
        sampler = rows.RowSampler(rng, len(answers), excluded, declines=declines)
        packer = Packer(self._processor.tokenizer, answers)
        trainer = Trainer(self._model, adapted, sampler, packer, stage, self._work / f"{name}.state")
        trainer.run(lambda step, loss: on_progress(step, stage.steps, loss))
        save_lora(adapted, path)
        adapted.unload()


class _Counted:
    """Progress of what tells its losses only."""

    def __init__(self, on_progress: OnProgress, steps: int) -> None:
        self._on_progress, self._steps, self._done = on_progress, steps, 0

    def __call__(self, loss: float) -> None:
        self._done += 1
        self._on_progress(self._done, self._steps, loss)


def save_half(state: dict[str, Tensor], path: Path) -> None:
    """Weights in half precision."""
    save_file({name: weight.detach().half().contiguous() for name, weight in state.items()}, path)


def load_into(module: nn.Module, path: Path) -> None:
    """Every weight of the module from a file of `save_half`."""
    module.load_state_dict({name: weight.float() for name, weight in load_file(path).items()})
