"""The `audiovisual` family: classifiers of pictures and sounds, and dual encoders of pictures and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from peft import PeftModel

from core.unlearning.families.audiovisual.config import INFO
from core.unlearning.families.audiovisual.data.build import build_data
from core.unlearning.families.audiovisual.evaluation.compare import beside_reference, compared
from core.unlearning.families.audiovisual.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.audiovisual.evaluation.references import reference_of
from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation
from core.unlearning.families.audiovisual.load import load
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.families.base import BaseFamily
from core.unlearning.patches import stock
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level


class AudioVisualFamily(BaseFamily[AudioVisualModel, ClassifierEvaluation]):
    """Image + audio classifiers."""

    info = INFO
    load = staticmethod(load)
    build_data = staticmethod(build_data)
    evaluate = staticmethod(evaluate)
    compared = staticmethod(compared)
    reference = staticmethod(reference_of)
    beside_reference = staticmethod(beside_reference)

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


FAMILY = AudioVisualFamily()
