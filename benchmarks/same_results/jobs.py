"""The jobs by name, each a function of an empty folder that gives its record."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.same_results.inputs import (
    SEED,
    forget_request,
    method_options,
    model_spec,
    signer,
    small_options,
    subject_at,
)
from benchmarks.same_results.record import Record, folder_digests, patch_record, stable_values, weights_digest
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue
from core.unlearning.progress import Silent

Job = Callable[[Path], Record]
_DIFFUSION_BASELINES = ("esd-x", "concept-ablation")
_CLASSIFIER_BASELINES = (
    "bad_teaching",
    "contrastive",
    "fine_tune",
    "gradient_ascent",
    "neg_grad_plus",
    "salun",
    "scrub",
    "ssd",
)


def jobs() -> dict[str, Job]:
    """Every method on every family it supports, some methods' other modes, and the baselines."""
    by_name = {
        f"{family} {info.name}": _job(family, info.name) for info in catalogue().values() for family in info.families
    }
    return {
        **by_name,
        "mllm smfa erasure": _job("mllm", "smfa", {"mode": "erasure"}),
        "mllm smfa paper": _job("mllm", "smfa", {"preset": "paper", "few": 8}),
        "mllm smfa by row": _job("mllm", "smfa", {"granularity": "row", "k_image": 1.0, "k_text": 1.0}),
        "diffusion forget-me-not pictures": _job("diffusion", "forget-me-not", named=False),
        "diffusion closed-form pictures": _job("diffusion", "closed-form", named=False),
        "audiovisual ccu class": _job("audiovisual", "ccu", subject=-1),
        "mllm consolidated and sculpted again": _consolidate_and_resculpt,
        **{
            f"diffusion baseline {name.replace('-', '_')}": partial(_diffusion_baseline, name)
            for name in _DIFFUSION_BASELINES
        },
        **{f"audiovisual baseline {name}": partial(_classifier_baseline, name) for name in _CLASSIFIER_BASELINES},
    }


def run_one(name: str) -> Record:
    """One job's record, computed on one thread. Here, since a spawned process does not import `__main__`."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return jobs()[name](Path(folder))


def _job(
    family: str, method: str, options: Mapping[str, Any] | None = None, *, named: bool = True, subject: int = 0
) -> Job:
    def run(folder: Path) -> Record:
        return patch_record(_run_method(folder, family, method, options or {}, named=named, subject=subject))

    return run


def _run_method(
    folder: Path, family: str, method: str, options: Mapping[str, Any], *, named: bool = True, subject: int = 0
) -> Path:
    """Run a whole job; its work folder."""
    from core.unlearning.jobs.forget import run_job
    from core.unlearning.jobs.work import JobSetup

    workdir = folder / "work"
    workdir.mkdir(parents=True)
    request = forget_request(family, subject_at(family, subject), folder / "sample", named=named)
    setup = JobSetup("job_1", model_spec(family, folder), method, workdir, signer())
    run_job(setup, request, method_options(method, options))
    return workdir


def _consolidate_and_resculpt(folder: Path) -> Record:
    """Consolidate the patches of two jobs, and sculpt the first again with another strength."""
    from core.unlearning.jobs.consolidate import EarlierJob, consolidate_job
    from core.unlearning.jobs.resculpt import resculpt_job
    from core.unlearning.jobs.work import JobSetup

    workdirs = [_run_method(folder / str(at), "mllm", "smfa", {"k_image": 1.0}, subject=at) for at in (0, 1)]
    model = model_spec("mllm", folder)
    for name in ("together", "again"):
        (folder / name).mkdir()
    patches = [workdir / "patch.zip" for workdir in workdirs]
    earlier = [EarlierJob(f"job_{at}", patch) for at, patch in enumerate(patches)]
    together, again = (
        JobSetup(job_id, model, "smfa", folder / name, signer())
        for job_id, name in (("job_3", "together"), ("job_4", "again"))
    )
    consolidate_job(together, earlier, {"level": "quick"})
    resculpt_job(again, patches[0], method_options("smfa", {"k_image": 1.0}), {"k": 0.5})
    return {name: patch_record(folder / name) for name in ("together", "again")}


def _diffusion_baseline(name: str, folder: Path) -> Record:
    from core.unlearning.bench.baselines import compared, load_compared
    from core.unlearning.families.registry import load_family

    spec = model_spec("diffusion", folder)
    family = load_family("diffusion")
    model = family.load(spec)
    request = forget_request("diffusion", subject_at("diffusion", 0), folder / "sample")
    data = family.build_data(model, request, spec.retain_set, Silent(), SEED)
    kind = compared()[name].options
    options = kind.model_validate({**small_options(kind), "seed": SEED})
    result = load_compared(name).run(model, data, options, JobContext(folder))
    return {"adapter": folder_digests(result.adapter), "details": stable_values(result.details)}


def _classifier_baseline(name: str, folder: Path) -> Record:
    from benchmarks.audiovisual.scenarios import job_data, scenarios
    from core.unlearning.bench.baselines import classifiers
    from core.unlearning.bench.baselines.classifiers.training import BaselineTraining
    from core.unlearning.families.registry import load_family

    model = load_family("audiovisual").load(model_spec("audiovisual", folder))
    examples = job_data(scenarios()[0]).train
    forget = model.encode([e for e in examples if e.split == "forget_examples"])
    keep = model.encode([e for e in examples if e.split == "retain_examples"][:80])
    training = BaselineTraining(model, forget, keep, 1, 5e-4, seed=SEED)
    import_module(f"{classifiers.__name__}.{name}").run(training)
    counts = {"passes": training.sample_passes, "forwards": training.forward_passes}
    return {"weights": weights_digest(model.model), **counts}
