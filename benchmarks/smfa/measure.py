"""One patched model, its base and its oracles on the same probes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from benchmarks.smfa.exactness import differences
from benchmarks.smfa.jobs import Finished
from benchmarks.smfa.probes import probes
from core.unlearning.families.mllm.evaluation.evaluate import evaluate
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.evaluation.quantise import quantised_linears
from core.unlearning.families.mllm.evaluation.relearn import relearn_share
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.row_losses import answer_losses
from core.unlearning.families.mllm.training.rows import TrainingRow
from core.unlearning.families.mllm.training.sampling import micro_batches
from core.unlearning.families.registry import load_family
from core.unlearning.reference.mllm.people import STANDARD_REQUESTS
from core.unlearning.types import Example, ModelSpec


@dataclass(frozen=True)
class World:
    """The reference model and its oracles, by directory."""

    base: Path
    oracles: tuple[Path, ...]

    def load(self, directory: Path) -> MultimodalLM:
        """A fresh copy in float32."""
        spec = ModelSpec("benchmark", "mllm", str(directory))
        lm: MultimodalLM = load_family("mllm").load(spec, precision="float32")
        return lm

    @cached_property
    def reference(self) -> MultimodalLM:
        """The base model; never changed."""
        return self.load(self.base)


def measure(world: World, finished: Finished, work: Path) -> dict[str, Any]:
    """Everything the table needs about one job, kept in its folder."""
    unpatched = _kept(work / f"unpatched-{finished.run.probes}.json", lambda: _unpatched(world, finished))
    patched = _kept(finished.folder / "measured.json", lambda: _patched(world, finished))
    return {"seconds": finished.seconds, "verdict": finished.verdict, **unpatched, **patched}


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not path.exists():
        path.write_text(json.dumps(make(), indent=1))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _asked(finished: Finished) -> list[Example]:
    return probes(STANDARD_REQUESTS[finished.run.request], finished.run.seed)


def _unpatched(world: World, finished: Finished) -> dict[str, Any]:
    asked = _asked(finished)
    oracles = [world.load(oracle) for oracle in world.oracles]
    return {
        "base": splits(world.reference, asked),
        "oracles": [splits(oracle, asked) for oracle in oracles],
        "oracles_relearned": [relearned(oracle, asked) for oracle in oracles],
    }


def _patched(world: World, finished: Finished) -> dict[str, Any]:
    asked = _asked(finished)
    patched = world.load(world.base)
    patched.model = PeftModel.from_pretrained(patched.model, finished.folder / "patch" / "adapter").eval()
    sample = [e for e in asked if e.split == "forget_image_memory"][:24]
    found: dict[str, Any] = {
        "after": splits(patched, asked),
        "int4": int4_recall(patched, asked),
        "logits": differences(str(world.base), finished.folder / "patch", world.reference, sample, finished.folder),
    }
    patched.model = patched.model.merge_and_unload()
    return {**found, "relearned": relearned(patched, asked)}


def splits(lm: MultimodalLM, asked: Sequence[Example]) -> dict[str, dict[str, float | None]]:
    """Split to metric to value."""
    return dict(evaluate(lm, asked).numbers()["splits"])


def int4_recall(lm: MultimodalLM, asked: Sequence[Example]) -> float:
    """Exact recall of what was forgotten when the language model is rounded to four bits per output channel."""
    forgotten = [e for e in asked if e.split in FORGET_MEMORY]
    with quantised_linears(lm.model, 4):
        outputs = lm.generate(forgotten)
    return sum(exact_recall(o, e.answer) for o, e in zip(outputs, forgotten, strict=True)) / len(forgotten)


def relearned(lm: MultimodalLM, asked: Sequence[Example]) -> float:
    """Recall of the other forgotten facts after 30 % of them were taught again (20 steps of AdamW, lr 2e-4)."""
    forgotten = [e for e in asked if e.split in FORGET_MEMORY]
    torch.manual_seed(0)
    return relearn_share(lm, lm.model, lambda batch: _loss(lm, batch), forgotten).after


def _loss(lm: MultimodalLM, batch: Sequence[Example]) -> torch.Tensor:
    rows = [TrainingRow(lm.encoder.with_answer(e.question, e.image, e.answer)) for e in batch]
    return torch.cat([answer_losses(lm, lm.model, part) for part in micro_batches(rows, 64)]).mean()
