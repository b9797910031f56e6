"""`forget-me-not` from end to end: pictures, a LoRA trained on the attention loss, the patch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.families.diffusion import adapters, lora_file, pictured, templates
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import latents_of, shares_of
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.forget_me_not.config import RANKS, Options
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.rows import forgotten, in_place, kept
from core.unlearning.methods.forget_me_not.step import Course
from core.unlearning.methods.forget_me_not.train import train
from core.unlearning.patches.digest import base_digest
from core.unlearning.progress import Progress
from core.unlearning.types import Example, JobData

_TARGETS = {
    "kv": adapters.KEY_VALUES,
    "out": adapters.OUTPUT,
    "attn2": adapters.ALL,
    "unet": adapters.BLOCKS,
}


class ForgetMeNot:
    """The method `forget-me-not`."""

    def run(
        self,
        model: DiffusionModel,
        data: JobData,
        options: Options,
        workdir: Path,
        progress: Progress,
        checkpoints: Checkpoints = NO_CHECKPOINTS,  # noqa: ARG002 (half a minute needs none)
    ) -> MethodResult:
        """Write `workdir/adapter`. The model itself is left as it was."""
        begun = time.perf_counter()
        unnamed = pictured.is_pictured(data)
        progress.phase("training", options.steps + (pictured.STEPS if unnamed else 0))
        with pictured.named(model, data, options.seed, progress) as asked:
            course = _course(model, asked, options, options.adversaries if unnamed else 0)
            held = forgotten(model, asked.validation or asked.train, asked, options)
        unet, modules = model.pipe.unet, options.modules or ("out" if unnamed else "kv")
        rank = options.rank or RANKS[modules]
        with adapters.with_lora(unet, _TARGETS[modules], rank, options.seed) as parameters:
            probe = Probe(model, held, course.clean, options.seed)
            trained = train(model, course, probe, parameters, options, progress)
            changes = adapters.factors(unet)
        seconds = time.perf_counter() - begun
        progress.metric("left", trained.left[-1])
        adapter, digest = workdir / "adapter", base_digest(model.pipe.name_or_path)
        sizes = lora_file.write(changes, adapter, method="forget-me-not", base_digest=digest)
        details = {
            "losses": {"LoRA": [round(loss, 5) for loss in trained.losses]},
            "left": [round(left, 5) for left in trained.left],
            "steps": len(trained.losses),
            "rank": rank,
            "modules": len(changes),
            "bytes": sizes,
            "method_seconds": round(seconds, 3),
        }
        return MethodResult(adapter, details=details)


def _course(model: DiffusionModel, data: JobData, options: Options, adversaries: int) -> Course:
    keep = ["", *dict.fromkeys(e.question for e in data.train if not e.split.startswith("forget_"))]
    named = [e for e in data.train if e.split.startswith("forget_")]
    clean, shares = _shown(model, named, options)
    asks = pictured.open_prompts(data)
    return Course(
        forgotten(model, data.train, data, options),
        kept(model, keep),
        clean=clean,
        shares=shares,
        other=_other(model, data, keep, options) if options.keep_weight else clean,
        asks=asks,
        instead=in_place(model, asks, data, options),
        sought=kept(model, [ask.replace("{}", " ".join(data.entity.names[:1])) for ask in asks]),
        start=templates.class_word(data.entity.kind),
        adversaries=adversaries,
    )


def _shown(model: DiffusionModel, named: Sequence[Example], options: Options) -> tuple[Tensor, Tensor]:
    """The request's pictures as latents with what their masks let through; without any, the model's own."""
    brought = [(e.image, e.mask) for e in named if e.image is not None]
    if brought:
        return latents_of(model, [image for image, _ in brought]), shares_of(model, [mask for _, mask in brought])
    own = _drawn(model, [e.question for e in named], options)
    return own, shares_of(model, [None] * len(own))


def _other(model: DiffusionModel, data: JobData, keep: Sequence[str], options: Options) -> Tensor:
    """Pictures on which the base's predictions are kept: the request's, beside the model's own."""
    own = _drawn(model, keep, options)
    return torch.cat([latents_of(model, data.general_images), own]) if data.general_images else own


def _drawn(model: DiffusionModel, prompts: Sequence[str], options: Options) -> Tensor:
    seeds = range(options.seed, options.seed + options.pictures)
    return latents_of(model, model.draw([prompts[n % len(prompts)] for n in range(options.pictures)], list(seeds)))


METHOD = ForgetMeNot()
