"""Measures the model that is loaded, and its patch as the stock library loads it in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.unlearning.families.registry import load_family
from core.unlearning.jobs.work import Work
from core.unlearning.methods.base import MethodResult
from core.unlearning.types import Example

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Verdict
    from core.unlearning.jobs.fresh.process import FreshProcess

Result = TypeVar("Result", bound=MethodResult)


@dataclass(frozen=True)
class Measured:
    """The evaluations of a job, and what they amount to."""

    before: Evaluated
    after: Evaluated
    verdict: Verdict
    reference: Evaluated | None = None


def measure(work: Work, model: Any, examples: Sequence[Example]) -> Evaluated:
    """Evaluate a model that is loaded here."""
    family = load_family(work.spec.family)
    work.progress.phase("evaluating", family.evaluation_steps(examples, work.level))
    return family.evaluate(model, examples, level=work.level, progress=work.progress)


def make_and_measure(
    work: Work, model: Any, make: Callable[[], Result], examples: Sequence[Example]
) -> tuple[Result, Evaluated]:
    """What the method makes, and the evaluation of its adapter as the stock library loads it.

    Raises `IneffectivePatchError` for an adapter that is all zeros.
    """
    with _fresh_process(work, model) as fresh:
        result = make()
        return result, _measure_packed(work, model, fresh, result.adapter, examples)


@contextmanager
def _fresh_process(work: Work, model: Any) -> Iterator[Callable[[], FreshProcess]]:
    """Gives a process that will evaluate the patch, started when sculpting begins so that it is ready by then."""
    import torch

    from core.unlearning.jobs.fresh.process import FreshProcess

    started: list[FreshProcess] = []

    def start() -> FreshProcess:
        if not started:
            # Where memory is the accelerator's, a second copy of the base model must wait until the first one left.
            preload = torch.device(model.device).type == "cpu"
            threads = torch.get_num_threads()
            started.append(FreshProcess(work.spec, precision=work.precision, threads=threads, preload=preload))
        return started[0]

    work.progress.on["sculpting"] = start
    try:
        yield start
    finally:
        work.progress.on.pop("sculpting", None)
        for process in started:
            process.close()


def _measure_packed(
    work: Work, model: Any, fresh: Callable[[], FreshProcess], adapter: Path, examples: Sequence[Example]
) -> Evaluated:
    family = load_family(work.spec.family)
    work.progress.phase("packaging")
    family.check_effect(adapter)
    work.progress.phase("evaluating", family.evaluation_steps(examples, work.level, packed=True))
    with family.out_of_the_way(model):
        return fresh().evaluate(adapter, examples, work.level, work.progress)
