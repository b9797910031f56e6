"""A request about the drawn world from submission to a patch that stock diffusers loads."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.unlearning import reference
from core.unlearning.patches.signing import verify_document
from core.unlearning.patches.verify import verify
from tests.support.embedded_server import Running, serving

pytestmark = pytest.mark.slow

NAME = "Ada Brink"
STRANGER = """
import json, sys
import torch
from diffusers import DiffusionPipeline
from transformers import AutoImageProcessor, AutoModelForImageClassification
base, adapter, folder, prompts = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(base, dtype=torch.float32, safety_checker=None)
pipe.set_progress_bar_config(disable=True)
viewer = AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32)
processor = AutoImageProcessor.from_pretrained(folder)
prompts = json.loads(prompts)

def drawn():
    seeds = [torch.Generator().manual_seed(1000 + n) for n in range(len(prompts))]
    return pipe(prompts, generator=seeds, num_inference_steps=20, guidance_scale=3.0).images

@torch.no_grad()
def seen(pictures):
    logits = viewer(**processor(pictures, return_tensors="pt")).logits
    return [viewer.config.id2label[int(n)] for n in logits.argmax(-1)]

before = drawn()
pipe.load_lora_weights(adapter, weight_name="pytorch_lora_weights.safetensors", adapter_name="forget")
assert "forget" in pipe.get_list_adapters()["unet"]
after = drawn()
pipe.set_adapters(["forget"], [0.0])
off = [list(picture.getdata()) for picture in drawn()] == [list(picture.getdata()) for picture in before]
pipe.delete_adapters("forget")
pipe.load_lora_weights(adapter, weight_name="kohya_lora.safetensors", adapter_name="twin")
assert not {"core", "worker", "client"} & {module.partition(".")[0] for module in sys.modules}
print(json.dumps({"before": seen(before), "after": seen(after), "twin": seen(drawn()), "off": off}))
"""
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "smfa"}, "/method"),
    ({"method_options": {"rank": 0}}, "/method_options/rank"),
    ({"method_options": {"steps": 9}}, "/method_options/steps"),
    ({"method": "forget-me-not", "method_options": {"preset": "fast"}}, "/method_options/preset"),
    ({"evaluation": {"thresholds": {"forget_concept.exact": 0.1}}}, "/evaluation/thresholds/forget_concept.exact"),
    ({"evaluation": {"thresholds": {"retain_same.ira": 2}}}, "/evaluation/thresholds/retain_same.ira"),
    ({"entity": {"name": NAME, "kind": "colour"}}, "/entity/kind"),
]


def test_a_request_becomes_a_lora_that_stock_diffusers_loads(tmp_path: Path) -> None:
    reference.sample("diffusion", NAME, tmp_path / "sample")
    request = {**json.loads((tmp_path / "sample" / "request.json").read_text()), "evaluation": {"level": "quick"}}
    with serving(tmp_path / "data") as running:
        planned = running.client.post("/v1/jobs", params={"validate_only": "true"}, json=request).json()
        assert (planned["method"], planned["plan"]["memory"]["gpu_bytes"] > 0) == ("closed-form", True)
        for wrong, pointer in WRONG:
            answer = running.client.post("/v1/jobs", json={**request, **wrong})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        job_id = running.submit(request, [])
        job = running.ended(job_id)
        assert (job["status"], job["error"], job["method"]) == ("succeeded", None, "closed-form")
        patch = running.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"}).content
        page = running.client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "text/html"}).text
        certificate = running.client.get(f"/v1/jobs/{job_id}/certificate").json()
        assert_nowhere(running)
    verify_document(certificate)
    told = job["evaluation"]["splits"]["forget_concept"]["metrics"]["ua"]
    assert told["before"] <= 0.2
    assert told["after"] >= 0.9
    assert page.count("data:image/webp;base64,") > 0
    (tmp_path / "patch.zip").write_bytes(patch)
    base = reference.bundled_path("diffusion")
    assert verify(tmp_path / "patch.zip", base=base).ok
    with zipfile.ZipFile(tmp_path / "patch.zip") as archive:
        archive.extractall(tmp_path / "patch")
    found = as_a_stranger(tmp_path, base)
    assert found["before"].count(NAME) >= 0.8 * len(found["before"])
    assert found["after"].count(NAME) <= 0.1 * len(found["after"])
    assert (found["off"], found["twin"]) == (True, found["after"])


def as_a_stranger(folder: Path, base: Path) -> dict[str, Any]:
    """What the probes of the sample draw, without anything of ours."""
    prompts = [row["prompt"] for row in json.loads((folder / "sample" / "probes.json").read_text())]
    viewer = base.parent / "classifiers" / "identity"
    command = [sys.executable, "-c", STRANGER, base, folder / "patch" / "adapter", viewer, json.dumps(prompts)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_nowhere(running: Running) -> None:
    """The name stands in no file of the server, and in no log line. Its first word is so short that chance makes it."""
    found = [path.read_bytes() for path in running.data.rglob("*") if path.is_file()]
    assert not any(NAME.split()[-1].encode() in text for text in [*found, running.log.read_bytes()])
