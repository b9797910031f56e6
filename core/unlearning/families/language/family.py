"""How every family of language models is asked, trained on and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from peft import PeftModel

from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.base import BaseFamily
from core.unlearning.families.language.data.build import build_data, forget_examples, keep_examples
from core.unlearning.families.language.data.retain_list import subjects
from core.unlearning.families.language.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.language.evaluation.results import Evaluation
from core.unlearning.families.language.evaluation.samples import samples
from core.unlearning.families.language.model.frozen import caching_answers
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.preparation.prepare import prepare
from core.unlearning.families.language.preparation.sources import Listed
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level

_UNCHANGED = 1e-6
"""Probabilities that differ by less are the same."""


class LanguageFamily(BaseFamily[LanguageModel, Evaluation]):
    """What families of language models do alike; each brings its own `info` and `load`."""

    build_data = staticmethod(build_data)
    keep_examples = staticmethod(keep_examples)
    forget_examples = staticmethod(forget_examples)
    retained_subjects = staticmethod(subjects)
    caching_answers = staticmethod(caching_answers)
    samples = staticmethod(samples)

    def prepare(
        self,
        model: LanguageModel,
        out: Path,
        *,
        pictures: Path | None,
        names: Sequence[tuple[str, Sequence[str]]],
        seed: int,
        alive: Callable[[], None],
    ) -> Mapping[str, int]:
        """See `preparation.prepare`."""
        listed = [Listed(name, tuple(questions)) for name, questions in names]
        made = prepare(model, out, pictures=pictures, names=listed, seed=seed, step=lambda *_: alive())
        return {f"{group}/{part}": count for (group, part), count in sorted(made.rows.items())}

    def evaluate(
        self, model: LanguageModel, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> Evaluation:
        """See `evaluate.evaluate`."""
        return evaluate(model, examples, level=level, progress=progress)

    def evaluate_packed(
        self, model: LanguageModel, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
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

    def compared(self, before: Evaluation, after: Evaluation) -> Evaluation:
        """`after` as it is, once some answer or its probability is another."""
        pairs = zip(before.rows, after.rows, strict=True)
        if all(b.output == a.output and abs(b.probability - a.probability) < _UNCHANGED for b, a in pairs):
            raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no answer")
        return after
