"""Requests about whom the model does not know, since its weights are random or it never met them: `not_known`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.pretrained.models import register
from benchmarks.pretrained.runs import Run
from client import Lethe
from core.unlearning import reference

_STRANGERS = ("Perla Ovington", "Casimir Thorle", "Yevgenia Malk", "李文博")
_WEIGHTS = "model.safetensors"
_Models: Any = AutoModelForCausalLM
_Configs: Any = AutoConfig


def ends_not_known(client: Lethe, models: Path, work: Path) -> dict[str, bool]:
    """By request, whether it ended so."""
    figure = Run("smollm2", reference.standard_requests("smollm2")[0])
    person = Run("smollm2-vision", reference.standard_requests("smollm2-vision")[0])
    found = {}
    for run in (figure, person):
        register(client, run, models)
        body = _request(run, work / run.name)
        for name in _STRANGERS:
            asked = _about(body, run.subjects[0], name)
            found[f"{run.model}: {name}"] = _ends_so(client, asked)
    random = _random_weights(models / "smollm2", models / "smollm2-random")
    client.models.register("smollm2-random", family="llm", source=str(random.resolve()))
    body = _request(figure, work / figure.name)
    found["random weights"] = _ends_so(client, {**body, "model": "smollm2-random"})
    return found


def _request(run: Run, folder: Path) -> dict[str, Any]:
    sample = reference.sample(run.world, run.subjects, folder)
    body: dict[str, Any] = json.loads((sample / "request.json").read_text(encoding="utf-8"))
    return body | {"model": run.model, "images": [], "evaluation": {"level": "quick"}}


def _about(body: dict[str, Any], subject: str, name: str) -> dict[str, Any]:
    """The same request about somebody else, by name alone."""
    prompts = [prompt.replace(subject, name) for prompt in body["prompts"] if subject in prompt]
    return {**body, "entity": {"name": name, "kind": "identity"}, "prompts": prompts}


def _ends_so(client: Lethe, body: dict[str, Any]) -> bool:
    job = client.jobs.create_from(body, images=[]).wait(timeout=3600)
    return job.status == "failed" and job.error is not None and job.error.code == "not_known"


def _random_weights(trained: Path, out: Path) -> Path:
    """The checkpoint with fresh weights."""
    if not out.exists():
        torch.manual_seed(0)
        shutil.copytree(trained, out, ignore=shutil.ignore_patterns(_WEIGHTS))
        _Models.from_config(_Configs.from_pretrained(trained)).save_pretrained(out)
    return out
