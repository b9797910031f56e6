"""The `mllm` family: any `AutoModelForImageTextToText` with its `AutoProcessor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.base import registered_oracle
from core.unlearning.families.mllm.data.build import build_data
from core.unlearning.families.mllm.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.mllm.evaluation.results import Evaluation
from core.unlearning.families.mllm.load import load
from core.unlearning.families.mllm.model.frozen import remembering
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.patches import stock
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Level, Modality, ModelSpec

_UNCHANGED = 1e-6
"""Probabilities that differ by less are the same."""


class MllmFamily:
    """Multimodal language models."""

    name = "mllm"

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> MultimodalLM:
        """See `load.load`."""
        return load(spec, precision=precision, device=device)

    def build_data(
        self, model: MultimodalLM, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """See `data.build_data`."""
        return build_data(model, request, retain_set, progress, seed)

    def remembering(
        self, model: MultimodalLM, checkpoints: Checkpoints, progress: Progress, part: str
    ) -> AbstractContextManager[None]:
        """See `memory.remembering`."""
        return remembering(model, checkpoints, progress, part)

    def evaluate(
        self, model: MultimodalLM, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> Evaluation:
        """See `evaluate.evaluate`."""
        return evaluate(model, examples, level=level, progress=progress)

    def evaluate_packed(
        self, model: MultimodalLM, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> Evaluation:
        """With PEFT. What is under a patch is quantised too: the base would show nothing by it.

        A base that was loaded in 4 bits is unpacked, for good: the adapter's entries have no place in packed weights.
        """
        if getattr(model.model, "is_quantized", False):
            model.model = model.model.dequantize()
        patched = PeftModel.from_pretrained(model.model, adapter)
        try:
            whole = replace(model, model=patched.eval())
            return evaluate(whole, examples, level=level, progress=progress, model=patched)
        finally:
            patched.unload()

    def evaluation_steps(self, examples: Sequence[Example], level: Level, *, packed: bool = False) -> int:
        """See `evaluate.evaluation_steps`."""
        return evaluation_steps(examples, level, with_model=packed)

    def check_effect(self, adapter: Path) -> None:
        """See `stock.check_effect`."""
        stock.check_effect(adapter)

    def compared(self, before: Evaluation, after: Evaluation) -> Evaluation:
        """`after` as it is, once some answer or its probability is another."""
        pairs = zip(before.rows, after.rows, strict=True)
        if all(b.output == a.output and abs(b.probability - a.probability) < _UNCHANGED for b, a in pairs):
            raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no answer")
        return after

    def reference(
        self,
        spec: ModelSpec,
        data: JobData,  # noqa: ARG002 (as in `Family`)
        modalities: Sequence[Modality],  # noqa: ARG002
    ) -> str | None:
        """See `base.registered_oracle`."""
        return registered_oracle(spec)

    def beside_reference(self, found: Evaluation, reference: Evaluation) -> Evaluation:  # noqa: ARG002
        """`found` as it is."""
        return found

    @contextmanager
    def out_of_the_way(self, model: MultimodalLM) -> Iterator[None]:
        """Moves it to the CPU. One that is quantised stays: it is small and cannot be moved."""
        device = model.device
        if device.type == "cpu" or getattr(model.model, "is_quantized", False):
            yield
            return
        model.model.to("cpu")
        torch.cuda.empty_cache()
        try:
            yield
        finally:
            model.model.to(device)


FAMILY = MllmFamily()
