"""A whole job on the bundled pipeline: something is forgotten that can be seen, and the rest is still drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core.unlearning import reference
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup
from core.unlearning.types import Entity, ForgetRequest, ModelSpec
from tests.support.patches import SIGNER


def bundled() -> ModelSpec:
    entry = next(entry for entry in reference.bundled() if entry["family"] == "diffusion")
    return ModelSpec(
        entry["id"],
        entry["family"],
        entry["source"],
        retain_set=Path(entry["retain_set"]),
        defaults={**entry["defaults"], "draw_steps": 10},
    )


@pytest.mark.slow
def test_a_sampled_request_is_fulfilled(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    body = json.loads((reference.sample("diffusion", "star", tmp_path) / "request.json").read_text())
    entity = Entity(body["entity"]["name"], body["entity"]["kind"])
    request = ForgetRequest(entity, prompts=tuple(body["prompts"]), level="quick")
    work = tmp_path / "work"
    work.mkdir()
    outcome = run_job(JobSetup("job_1", bundled(), "closed-form", work, SIGNER), request, {})
    found = {name: split["metrics"] for name, split in outcome.evaluation["splits"].items()}
    assert outcome.verdict == "passed"
    assert found["forget_concept"]["ua"]["before"] <= 0.1
    assert found["forget_concept"]["ua"]["after"] >= 0.9
    assert found["retain_same"]["ira"]["after"] >= 0.9
    assert found["retain_cross"]["cra"]["after"] >= 0.9
