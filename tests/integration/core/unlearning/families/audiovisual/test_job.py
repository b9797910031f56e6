"""Whole jobs on tiny classifiers with random weights: they know nothing, but all that a job does happens."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.unlearning.families.registry import load_family
from core.unlearning.jobs.forget import run_job
from core.unlearning.jobs.work import JobSetup, Load, Outcome, load_model
from core.unlearning.methods.registry import catalogue
from core.unlearning.patches.verify import verify
from core.unlearning.types import ForgetRequest, ModelSpec
from tests.support.audiovisual_dataset import PEOPLE, asking, picture_file, rows, sound_file, write_world
from tests.support.patches import SIGNER
from tests.support.tiny_classifiers import save_tiny
from tests.support.tiny_dual_encoders import clip

pytestmark = pytest.mark.slow

METHODS = [name for name, info in catalogue().items() if "audiovisual" in info.families]
STRANGER = """
import json, sys
import numpy as np, soundfile, torch
from peft import PeftModel
from PIL import Image
from transformers import AutoImageProcessor, AutoModel
base, adapter, picture, out = sys.argv[1:]
model = AutoModel.from_pretrained(base, trust_remote_code=True, dtype=torch.float32).eval()
pixels = AutoImageProcessor.from_pretrained(base, use_fast=False)(Image.open(picture), return_tensors="pt").pixel_values
sounds = torch.rand(1, *json.loads(out), generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    before = model(pixel_values=pixels, input_values=sounds)
    patched = PeftModel.from_pretrained(model, adapter).eval()
    after = patched(pixel_values=pixels, input_values=sounds)
assert not {"core", "worker", "client"} & {module.partition(".")[0] for module in sys.modules}
heard = torch.equal(before.audio_logits, after.audio_logits)
print(json.dumps({"seen": float((after.vision_logits - before.vision_logits).abs().max()), "heard": heard}))
"""


def spec(folder: Path, vision: str = "vit", audio: str = "ast", **defaults: Any) -> ModelSpec:
    base = save_tiny(folder / "base", vision, audio)
    return ModelSpec("tiny", "audiovisual", str(base), retain_set=write_world(folder / "data"), defaults=defaults)


def reference(folder: Path, withheld: set[str]) -> str:
    """A model that is another one and says what it never saw."""
    save_tiny(folder, "vit", "ast")
    (folder / "withheld.json").write_text(json.dumps({"modalities": ["image"], "rows": sorted(withheld)}))
    return str(folder)


def run(
    model: ModelSpec, workdir: Path, request: ForgetRequest, method: str = "ccu", load: Load = load_model
) -> Outcome:
    torch.set_num_threads(1)
    workdir.mkdir()
    return run_job(JobSetup("job_1", model, method, workdir, SIGNER, load=load), request, {})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_a_patch_that_the_report_measures(method: str, tmp_path: Path) -> None:
    withheld = {row["id"] for row in rows() if row["subject"] == PEOPLE[0]}
    model = spec(tmp_path, oracle=[reference(tmp_path / "oracle", withheld)])
    request = asking(PEOPLE[0], images=(picture_file(999),), audio=(sound_file(0),), level="thorough")
    loaded = load_family("audiovisual").load(model)
    weights = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    outcome = run(model, tmp_path / "work", request, method, lambda *_: loaded)
    assert weights.keys() == loaded.model.state_dict().keys()
    assert all(torch.equal(weights[name], value) for name, value in loaded.model.state_dict().items())
    splits = outcome.evaluation["splits"]
    assert list(splits) == ["forget_examples", "retain_examples", "forget_held_out", "held_out"]
    assert splits["forget_examples"]["count"] == 10
    told = splits["forget_examples"]["metrics"]
    assert told["audio_change"]["after"] == 0.0
    assert told["audio_accuracy"]["after"] == told["audio_accuracy"]["before"]
    assert told["relearn_steps"]["reference"] is not None
    assert all(told[metric]["after"] is not None for metric in ("agreement", "js", "kl", "cka"))
    report = json.loads((tmp_path / "work" / "report.json").read_text())
    assert report["verdict"]["reference_used"] is True
    page = (tmp_path / "work" / "report.html").read_text()
    assert PEOPLE[0].split()[0] not in page
    assert "the registered reference model" in page
    checked = verify(tmp_path / "work" / "patch.zip", base=Path(model.source))
    assert checked.ok, checked.checks
    with zipfile.ZipFile(tmp_path / "work" / "patch.zip") as patch:
        assert "PeftModel.from_pretrained" in patch.read("README.md").decode()
        patch.extractall(tmp_path / "patch")
    (tmp_path / "a.png").write_bytes(picture_file(0))
    found = as_a_stranger(tmp_path, Path(model.source), tmp_path / "patch" / "adapter")
    assert found["heard"] is True
    assert found["seen"] > 1e-5


def as_a_stranger(folder: Path, base: Path, adapter: Path) -> dict[str, Any]:
    """What stock transformers and PEFT make of the patch, without anything of ours."""
    command = [sys.executable, "-c", STRANGER, base, adapter, folder / "a.png", "[12, 16]"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", ["resnet", "clip"])
def test_other_shapes_and_a_reference_that_saw_some_of_it(kind: str, tmp_path: Path) -> None:
    """Convolutions, and a dual encoder that hears nothing and whose classes are words."""
    some = {next(row["id"] for row in rows() if row["label"] == "1")}
    model = spec(tmp_path, "resnet", oracle=[reference(tmp_path / "oracle", some)])
    if kind == "clip":
        dual = clip()
        dual.model.save_pretrained(tmp_path / "clip")
        dual.processor.save_pretrained(tmp_path / "clip")
        model = replace(model, source=str(tmp_path / "clip"))
    outcome = run(model, tmp_path / "work", asking("1", "class", level="quick"))
    splits = outcome.evaluation["splits"]
    assert splits["forget_examples"]["count"] == 18
    assert "reference" not in splits["forget_examples"]["metrics"]["visual_accuracy"]
    assert any("No registered reference model covers" in note for note in outcome.evaluation["notes"])
    assert splits["held_out"]["metrics"]["audio_change"]["after"] == (0.0 if kind == "resnet" else None)
    assert verify(tmp_path / "work" / "patch.zip", base=Path(model.source)).ok
