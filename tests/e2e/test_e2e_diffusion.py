"""A request to a pipeline from submission to a patch that stock diffusers loads. The pipeline has random weights."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from e2e_support import Running, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from diffusion_support import retain_set, saved
from looking import classifiers

from core.unlearning.patches.signing import verify_document
from core.unlearning.patches.verify import verify

pytestmark = pytest.mark.slow

NAME = "zyxqu"
STRANGER = """
import json, sys
import torch
from diffusers import DiffusionPipeline
base, adapter, name = sys.argv[1:]
pipe = DiffusionPipeline.from_pretrained(base, safety_checker=None)

def latents():
    generator = torch.Generator().manual_seed(0)
    return pipe(f"a photo of {name}", generator=generator, num_inference_steps=2, output_type="latent").images

before = latents()
pipe.load_lora_weights(adapter, weight_name="pytorch_lora_weights.safetensors", adapter_name="forget")
assert "forget" in pipe.get_list_adapters()["unet"]
after = latents()
pipe.set_adapters(["forget"], [0.0])
off = latents()
pipe.delete_adapters("forget")
pipe.load_lora_weights(adapter, weight_name="kohya_lora.safetensors", adapter_name="twin")
twin = latents()
assert not {"core", "worker", "client"} & {module.partition(".")[0] for module in sys.modules}
gaps = {"effect": after - before, "off": off - before, "twin": twin - after}
print(json.dumps({name: float(gap.abs().max()) for name, gap in gaps.items()}))
"""


def registered(running: Running, folder: Path) -> dict[str, Any]:
    model = {
        "id": "tiny",
        "family": "diffusion",
        "source": str(saved(folder / "base")),
        "retain_set": str(retain_set(folder / "known", object=(NAME, "bob"), style=("wash",))),
        "defaults": {
            "draw_steps": 2,
            "classifiers": str(
                classifiers(folder / "seen", {"object": ("none", NAME, "bob"), "style": ("none", "wash")})
            ),
        },
    }
    running.client.post("/v1/models", json=model).raise_for_status()
    return {
        "model": "tiny",
        "entity": {"name": NAME, "kind": "object"},
        "prompts": [f"see {NAME} now"],
        "evaluation": {"level": "quick"},
    }


def test_a_request_becomes_a_lora_that_stock_diffusers_loads(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    with serving(tmp_path / "data", model_roots=str(folder), bundled_models="false") as running:
        request = registered(running, folder)
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
    assert set(job["evaluation"]["splits"]) == {"forget_concept", "retain_same", "retain_cross"}
    assert page.count("data:image/webp;base64,") > 0
    (tmp_path / "patch.zip").write_bytes(patch)
    assert verify(tmp_path / "patch.zip", base=folder / "base").ok
    with zipfile.ZipFile(tmp_path / "patch.zip") as archive:
        archive.extractall(tmp_path / "patch")
    command = [sys.executable, "-c", STRANGER, folder / "base", tmp_path / "patch" / "adapter", NAME]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["effect"] > 0
    assert found["off"] == 0.0
    assert found["twin"] < 1e-2 * found["effect"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "smfa"}, "/method"),
    ({"method_options": {"rank": 0}}, "/method_options/rank"),
    ({"method_options": {"steps": 9}}, "/method_options/steps"),
    ({"method": "forget-me-not", "method_options": {"preset": "fast"}}, "/method_options/preset"),
    ({"evaluation": {"thresholds": {"forget_concept.exact": 0.1}}}, "/evaluation/thresholds/forget_concept.exact"),
    ({"evaluation": {"thresholds": {"retain_same.ira": 2}}}, "/evaluation/thresholds/retain_same.ira"),
    ({"entity": {"name": NAME, "kind": "colour"}}, "/entity/kind"),
]


def assert_nowhere(running: Running) -> None:
    """The name stands in no file of the server but the model's own, and in no log line."""
    found = [path.read_bytes() for path in running.data.rglob("*") if path.is_file()]
    assert not any(NAME.encode() in text for text in [*found, running.log.read_bytes()])
