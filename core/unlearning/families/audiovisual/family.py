"""The `audiovisual` family: classifiers of pictures and sounds, and dual encoders of pictures and texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.audiovisual.data import build_data
from core.unlearning.families.audiovisual.evaluation import compare
from core.unlearning.families.audiovisual.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation
from core.unlearning.families.audiovisual.load import load
from core.unlearning.families.audiovisual.model import AudioVisualModel
from core.unlearning.families.audiovisual.references import reference_of
from core.unlearning.patches import stock
from core.unlearning.progress import Progress
from core.unlearning.types import Example, ForgetRequest, JobData, Level, Modality, ModelSpec


class AudioVisualFamily:
    """Image + audio classifiers."""

    name = "audiovisual"

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> AudioVisualModel:
        """See `load.load`."""
        return load(spec, precision=precision, device=device)

    def build_data(
        self, model: AudioVisualModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """See `data.build_data`."""
        return build_data(model, request, retain_set, progress, seed)

    def remembering(
        self,
        model: AudioVisualModel,  # noqa: ARG002 (as in `Family`)
        checkpoints: Checkpoints,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
        part: str,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Nothing is put aside: asking again takes seconds."""
        return nullcontext()

    def evaluate(
        self, model: AudioVisualModel, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> ClassifierEvaluation:
        """See `evaluate.evaluate`."""
        return evaluate(model, examples, level=level, progress=progress)

    def evaluate_packed(
        self, model: AudioVisualModel, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> ClassifierEvaluation:
        """With PEFT, once all of the patch has found its place."""
        patched = PeftModel.from_pretrained(model.model, str(adapter))
        try:
            stock.check_complete(patched, adapter)
            whole = replace(model, model=patched.eval())
            return evaluate(whole, examples, level=level, progress=progress)
        finally:
            patched.unload()

    def evaluation_steps(self, examples: Sequence[Example], level: Level, *, packed: bool = False) -> int:  # noqa: ARG002
        """See `evaluate.evaluation_steps`."""
        return evaluation_steps(examples, level)

    def check_effect(self, adapter: Path) -> None:
        """See `stock.check_effect`."""
        stock.check_effect(adapter)

    def compared(self, before: ClassifierEvaluation, after: ClassifierEvaluation) -> ClassifierEvaluation:
        """See `compare.compared`."""
        return compare.compared(before, after)

    def reference(self, spec: ModelSpec, data: JobData, modalities: Sequence[Modality]) -> str | None:
        """See `references.reference_of`."""
        return reference_of(spec, data, modalities)

    def beside_reference(self, found: ClassifierEvaluation, reference: ClassifierEvaluation) -> ClassifierEvaluation:
        """See `compare.beside_reference`."""
        return compare.beside_reference(found, reference)

    @contextmanager
    def out_of_the_way(self, model: AudioVisualModel) -> Iterator[None]:
        """Moves it to the CPU."""
        device = model.device
        if device.type == "cpu":
            yield
            return
        model.model.to("cpu")
        torch.cuda.empty_cache()
        try:
            yield
        finally:
            model.model.to(device)


FAMILY = AudioVisualFamily()
