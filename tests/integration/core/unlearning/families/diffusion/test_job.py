"""Whole jobs on tiny pipelines with random weights: they draw nothing, but all that a job does happens."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from core.unlearning.errors import InvalidInputError
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup, Outcome
from core.unlearning.patches.verify import verify
from core.unlearning.types import Entity, ForgetRequest, Level, ModelSpec
from tests.support.patches import SIGNER
from tests.support.picture_classifiers import classifiers
from tests.support.tiny_pipelines import Shape, retain_set, saved

pytestmark = pytest.mark.slow

QUICK = {
    "closed-form": {},
    "forget-me-not": {"steps": 2, "batch": 2, "rank": 2, "pictures": 2, "stop_below": None},
}


def spec(folder: Path, shape: Shape = "sd1", *, judged: bool = True) -> ModelSpec:
    seen = classifiers(folder / "classifiers", {"object": ("none", "bob", "pat"), "style": ("none", "wash")})
    return ModelSpec(
        "tiny",
        "diffusion",
        str(saved(folder / "base", shape)),
        retain_set=retain_set(folder / "retain", object=("bob", "pat"), style=("wash",)),
        defaults={"draw_steps": 2, **({"classifiers": str(seen)} if judged else {})},
    )


def run(model: ModelSpec, method: str, workdir: Path, request: ForgetRequest | None = None, **options: Any) -> Outcome:
    torch.set_num_threads(1)
    workdir.mkdir()
    asked = request or ForgetRequest(Entity("bob", "object"), prompts=("see bob now",), level="quick")
    chosen = {**QUICK[method], **options}
    return run_job(JobSetup("job_1", model, method, workdir, SIGNER), asked, chosen)


@pytest.mark.parametrize(
    ("shape", "method", "level", "checks"),
    [("sd2", "closed-form", "thorough", 3), ("sdxl", "forget-me-not", "quick", 0)],
)
def test_a_whole_job(shape: Shape, method: str, level: Level, checks: int, tmp_path: Path) -> None:
    model = spec(tmp_path, shape)
    request = ForgetRequest(Entity("bob", "object"), prompts=("see bob now",), level=level)
    outcome = run(model, method, tmp_path / "work", request)
    assert len(outcome.evaluation["robustness"]) == checks
    assert set(outcome.evaluation["splits"]) == {"forget_concept", "retain_same", "retain_cross"}
    told = outcome.evaluation["splits"]["forget_concept"]["metrics"]
    assert told["ua"]["before"] is not None
    assert told["response"]["after"] > 0
    assert told["distance"]["after"] >= 0
    report = json.loads((tmp_path / "work" / "report.json").read_text())
    assert report["stock"]["off"] == 0.0
    assert report["stock"]["modules"] == report["stock"]["expected"] > 0
    page = (tmp_path / "work" / "report.html").read_text()
    assert page.count("data:image/webp;base64,") == 2 * len(report["samples"]) > 0
    assert "bob" not in page
    checked = verify(tmp_path / "work" / "patch.zip", base=Path(model.source))
    assert checked.ok, checked.checks
    with zipfile.ZipFile(tmp_path / "work" / "patch.zip") as patch:
        assert "load_lora_weights" in patch.read("README.md").decode()


def test_without_anything_that_looks_the_verdict_says_so(tmp_path: Path) -> None:
    outcome = run(spec(tmp_path, judged=False), "closed-form", tmp_path / "work")
    assert outcome.verdict == "failed"
    assert outcome.evaluation["missed"] == ["forget.measured"]


def test_a_request_about_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        run(spec(tmp_path), "closed-form", tmp_path / "work", ForgetRequest(Entity(None, "object")))
