"""`forget-me-not`: encode prompts and pictures, train a LoRA on the attention loss, write the patch."""

from __future__ import annotations

import time
from dataclasses import replace

from core.unlearning.families.diffusion.model import adapters, lora_file
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training import invert_pictures
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.rows import forget_prompts
from core.unlearning.methods.forget_me_not.train import train
from core.unlearning.methods.forget_me_not.training_data import encode_data
from core.unlearning.patches.digest import base_digest
from core.unlearning.types import JobData

_TARGETS = {
    "kv": adapters.KEY_VALUES,
    "outputs": adapters.OUTPUTS,
    "attn2": adapters.ALL,
    "unet": adapters.BLOCKS,
}


class ForgetMeNot:
    """The method `forget-me-not`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        begun = time.perf_counter()
        unnamed = invert_pictures.is_unnamed(data)
        job.progress.phase("training", options.steps + (invert_pictures.STEPS if unnamed else 0))
        with invert_pictures.naming_pictures(model, data, options.seed, job.progress) as named_data:
            training_data = encode_data(model, named_data, options, options.adversaries if unnamed else 0)
            held = forget_prompts(model, named_data.validation or named_data.train, named_data, options)
        unet, modules = model.pipe.unet, options.modules or ("outputs" if unnamed else "kv")
        with adapters.with_lora(unet, _TARGETS[modules], options.rank, options.seed) as parameters:
            probe = Probe(model, held, training_data.entity_latents, options.seed)
            if training_data.adversaries:
                training_data = replace(training_data, scale=probe.scale())
            trained = train(model, training_data, probe, parameters, options, job.progress)
            changes = adapters.factors(unet)
        seconds = time.perf_counter() - begun
        job.progress.metric("left", trained.left[-1])
        digest = base_digest(model.pipe.name_or_path)
        sizes = lora_file.write(changes, job.adapter, method="forget-me-not", base_digest=digest)
        details = {
            "losses": {"LoRA": [round(loss, 5) for loss in trained.losses]},
            "left": [round(left, 5) for left in trained.left],
            "steps": len(trained.losses),
            "rank": options.rank,
            "modules": len(changes),
            "bytes": sizes,
            "method_seconds": round(seconds, 3),
        }
        return MethodResult(job.adapter, details=details)


METHOD = ForgetMeNot()
