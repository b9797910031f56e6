"""`closed-form`: encode prompts, solve, write the patch. Nothing is trained."""

from __future__ import annotations

import time

from core.unlearning.families.diffusion.model import lora_file
from core.unlearning.families.diffusion.model.attention import key_values
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training import invert_pictures
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.closed_form.balance import neighbours
from core.unlearning.methods.closed_form.config import Options
from core.unlearning.methods.closed_form.edit import edit, factors, gram_of
from core.unlearning.methods.closed_form.pairs import collect
from core.unlearning.methods.closed_form.reinvert import erase_found_words
from core.unlearning.patches.digest import base_digest
from core.unlearning.types import JobData


class ClosedForm:
    """The method `closed-form`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        begun = time.perf_counter()
        searching = (1 + options.searches) * invert_pictures.STEPS if invert_pictures.is_unnamed(data) else 0
        job.progress.phase("training", options.rounds + 1 + searching)
        layers = {path: layer.weight for path, layer in key_values(model.pipe.unet).items()}
        gram = gram_of(layers)
        names = max(1, len(data.entity.names))
        rank = options.rank * names if options.rank else None
        with invert_pictures.naming_pictures(model, data, options.seed, job.progress) as named_data:
            states = collect(model.pipe, named_data, options.anchor)
        searched: list[float] = []
        if invert_pictures.is_unnamed(data):
            quick = options.model_copy(update={"rounds": 0})
            states, searched = erase_found_words(
                model,
                data,
                states,
                lambda found: factors(edit(found, gram, quick, None, job.progress.alive).operator, layers),
                options,
                job.progress,
            )
        near = neighbours(model.pipe, data) if names > 1 else None
        solution = edit(states, gram, options, rank, job.progress.step, near)
        changes = factors(solution.operator, layers)
        seconds = time.perf_counter() - begun
        job.progress.metric("restored", solution.restored[-1])
        digest = base_digest(model.pipe.name_or_path)
        sizes = lora_file.write(changes, job.adapter, method="closed-form", base_digest=digest)
        details = {
            "erased_states": len(states.erased),
            "kept_states": len(states.kept),
            "restored": [round(value, 5) for value in solution.restored],
            "rank": len(solution.operator.right),
            "modules": len(layers),
            "bytes": sizes,
            "searched": [round(loss, 5) for loss in searched],
            "method_seconds": round(seconds, 3),
        }
        return MethodResult(job.adapter, details=details)


METHOD = ClosedForm()
