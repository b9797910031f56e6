"""`ccu`: select examples, train until the criterion is met, write the patch."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.ccu.config import Options
from core.unlearning.methods.ccu.stopping import Criterion
from core.unlearning.methods.ccu.train import TrainingRun, steps, train
from core.unlearning.methods.ccu.tuning import tuning
from core.unlearning.types import Example, JobData


class Ccu:
    """The method `ccu`."""

    def run(self, model: AudioVisualModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        forget, keep = _with_picture(data.train, "forget_examples"), _with_picture(data.train, "retain_examples")
        held_out = _with_picture(data.validation, "held_out")
        _check(forget, keep, held_out)
        whole_class = data.entity.kind == "class" or _is_whole_class(forget, keep)
        job.progress.phase("training", steps(len(forget), options, whole_class=whole_class))
        begun = time.perf_counter()
        with tuning(model, options) as trainee:
            criterion = _criterion(trainee.model, forget, held_out, options, whole_class)
            if not whole_class:
                criterion.expect(_encode_pictures(trainee.model, _sample(keep, options)))
            seen = [replace(e, audio=None) for e in forget] if options.freeze_other else forget
            found = train(trainee, seen, keep, criterion, options, job.progress)
            seconds = time.perf_counter() - begun
            error = trainee.write(job.adapter)
        job.progress.metric("margin", found.margins[-1])
        details = _details(found, len(data.train), options)
        return MethodResult(
            job.adapter, details={**details, "fidelity_error": error, "method_seconds": round(seconds, 3)}
        )


def _with_picture(examples: Sequence[Example], split: str) -> list[Example]:
    return [example for example in examples if example.split == split and example.image is not None]


def _check(forget: Sequence[Example], keep: Sequence[Example], held_out: Sequence[Example]) -> None:
    if not forget:
        raise InvalidInputError("the request brings no picture to forget", code="nothing_to_forget")
    if len(keep) < 2 or not held_out:
        raise InvalidInputError(
            "the model's data set has no pictures to keep, or none that the model was not trained on",
            code="retain_set_too_small",
        )


def _is_whole_class(forget: Sequence[Example], keep: Sequence[Example]) -> bool:
    """Whether nothing that is kept has any label of what is forgotten, as with a person who is a class."""
    return {e.answer for e in forget}.isdisjoint(e.answer for e in keep)


def _criterion(
    model: AudioVisualModel,
    forget: Sequence[Example],
    held_out: Sequence[Example],
    options: Options,
    whole_class: bool,
) -> Criterion:
    """For a class: a part of chance level. For anything else: the loss on what the model was not trained on."""
    forgotten = _encode_pictures(model, _sample(forget, options))
    if whole_class:
        return Criterion(model, forgotten, (), accuracy=options.chance / len(model.labels))
    return Criterion(model, forgotten, _encode_pictures(model, _sample(held_out, options)))


def _sample(examples: Sequence[Example], options: Options) -> list[Example]:
    if len(examples) <= options.compared:
        return list(examples)
    return random.Random(options.seed).sample(list(examples), options.compared)  # noqa: S311


def _encode_pictures(model: AudioVisualModel, examples: Sequence[Example]) -> list[Batch]:
    """Pictures alone."""
    seen = [replace(example, audio=None) for example in examples]
    return [model.encode(seen[at : at + model.batch_size]) for at in range(0, len(seen), model.batch_size)]


def _details(found: TrainingRun, examples: int, options: Options) -> dict[str, Any]:
    """JSON values for the report. A look at an example costs a third of training on it: no backward pass."""
    cost = found.passes + found.forwards / 3
    share = cost / (examples * options.trained_epochs) if options.trained_epochs else None
    return {
        "stop_reason": found.stop_reason,
        "steps": len(found.losses),
        "sample_passes": found.passes,
        "forward_passes": found.forwards,
        "share_of_training_set": round(cost / examples, 4),
        "share_of_retraining": None if share is None else round(share, 5),
        "margins": [round(margin, 5) for margin in found.margins],
        "part_of_last_stretch": found.part,
        "losses": {"ccu": [round(loss, 5) for loss in found.losses]},
    }


METHOD = Ccu()
