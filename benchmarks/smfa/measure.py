"""Evaluates a patched model, its base and its oracles on the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from benchmarks.smfa.exactness import differences
from benchmarks.smfa.jobs import FinishedJob
from benchmarks.smfa.probes import evaluation_examples
from core.unlearning.bench.memory.attacks.relearning import mean_answer_loss
from core.unlearning.bench.store import ResultStore
from core.unlearning.families.language.evaluation.evaluate import evaluate
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.evaluation.quantise import quantised_linears
from core.unlearning.families.language.evaluation.relearn import relearn_share
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.reference.mllm.people import STANDARD_REQUESTS
from core.unlearning.types import Example, ModelSpec


@dataclass(frozen=True)
class World:
    """The folders of the reference model and of its oracles."""

    base: Path
    oracles: tuple[Path, ...]

    def load(self, directory: Path) -> LanguageModel:
        """A fresh copy in float32."""
        spec = ModelSpec("benchmark", "mllm", str(directory))
        lm: LanguageModel = load_family("mllm").load(spec, precision="float32")
        return lm

    @cached_property
    def reference(self) -> LanguageModel:
        """The base model; never changed."""
        return self.load(self.base)


def measure(world: World, finished: FinishedJob, work: Path) -> dict[str, Any]:
    """The numbers of one job. Those of the unpatched models are shared by jobs with the same examples."""
    shared = f"unpatched-{finished.run.examples_name}"
    unpatched = ResultStore(work).read_or_measure(shared, lambda: _unpatched(world, finished))
    patched = ResultStore(finished.folder).read_or_measure("measured", lambda: _patched(world, finished))
    return {"seconds": finished.seconds, "verdict": finished.verdict, **unpatched, **patched}


def _examples(finished: FinishedJob) -> list[Example]:
    return evaluation_examples(STANDARD_REQUESTS[finished.run.request], finished.run.seed)


def _unpatched(world: World, finished: FinishedJob) -> dict[str, Any]:
    examples = _examples(finished)
    oracles = [world.load(oracle) for oracle in world.oracles]
    return {
        "base": splits(world.reference, examples),
        "oracles": [splits(oracle, examples) for oracle in oracles],
        "oracles_relearned": [relearned(oracle, examples) for oracle in oracles],
    }


def _patched(world: World, finished: FinishedJob) -> dict[str, Any]:
    examples = _examples(finished)
    patched = world.load(world.base)
    patched.model = PeftModel.from_pretrained(patched.model, finished.folder / "patch" / "adapter").eval()
    sample = [e for e in examples if e.split == "forget_image_memory"][:24]
    numbers: dict[str, Any] = {
        "after": splits(patched, examples),
        "int4": int4_recall(patched, examples),
        "logits": differences(str(world.base), finished.folder / "patch", world.reference, sample, finished.folder),
    }
    patched.model = patched.model.merge_and_unload()
    return {**numbers, "relearned": relearned(patched, examples)}


def splits(lm: LanguageModel, examples: Sequence[Example]) -> dict[str, dict[str, float | None]]:
    """Values by split and metric."""
    return dict(evaluate(lm, examples).numbers()["splits"])


def int4_recall(lm: LanguageModel, examples: Sequence[Example]) -> float:
    """Exact recall of forgotten facts with the language model quantised to four bits per output channel."""
    forgotten = [e for e in examples if e.split in FORGET_MEMORY]
    with quantised_linears(lm.model, 4):
        outputs = lm.generate(forgotten)
    return sum(exact_recall(o, e.answer) for o, e in zip(outputs, forgotten, strict=True)) / len(forgotten)


def relearned(lm: LanguageModel, examples: Sequence[Example]) -> float:
    """Recall of the other forgotten facts after fine-tuning on 30 % of them (20 steps of AdamW, lr 2e-4)."""
    forgotten = [e for e in examples if e.split in FORGET_MEMORY]
    torch.manual_seed(0)
    return relearn_share(lm, lm.model, lambda batch: mean_answer_loss(lm, batch), forgotten).after
