"""A request about a class of the heard world, with pictures and clips, to a patch that stock PEFT loads."""

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

CLASS = "3"
STRANGER = """
import json, sys
import soundfile, torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModel, AutoProcessor
base, adapter, folder = sys.argv[1:]
processor = AutoProcessor.from_pretrained(base, trust_remote_code=True)
model = AutoModel.from_pretrained(base, trust_remote_code=True, dtype=torch.float32).eval()
rows = json.load(open(f"{folder}/probes.json"))
pictures = [Image.open(f"{folder}/{row['image']}").convert("RGB") for row in rows]
clips, rates = zip(*(soundfile.read(f"{folder}/{row['audio']}", dtype="float32") for row in rows))
inputs = processor(images=pictures, audio=list(clips), sampling_rate=rates[0], return_tensors="pt")

@torch.no_grad()
def told(model):
    out = model(**inputs)
    named = [model.config.id2label[int(at)] for at in out.vision_logits.argmax(1)]
    return named, out.audio_logits

before, heard_before = told(model)
patched = PeftModel.from_pretrained(model, adapter).eval()
after, heard_after = told(patched)
with patched.disable_adapter():
    without, _ = told(patched)
assert not {"core", "worker", "client"} & {module.partition(".")[0] for module in sys.modules}
heard = torch.equal(heard_before, heard_after)
print(json.dumps({"before": before, "after": after, "off": without == before, "heard": heard}))
"""
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "smfa"}, "/method"),
    ({"modalities": ["audio"]}, "/modalities/0"),
    ({"modalities": ["image", "text"]}, "/modalities/1"),
    ({"method_options": {"rank": 0}}, "/method_options/rank"),
    ({"entity": {"name": None, "kind": "class"}, "prompts": ["What is this?"]}, "/images"),
    ({"evaluation": {"thresholds": {"held_out.exact": 0.1}}}, "/evaluation/thresholds/held_out.exact"),
    ({"model": "reference-mllm", "audio": ["file_" + "0" * 26]}, "/audio"),
]


def test_a_request_with_pictures_and_clips_becomes_a_patch_that_stock_peft_loads(tmp_path: Path) -> None:
    sample = reference.sample("audiovisual", CLASS, tmp_path / "sample")
    request = {**json.loads((sample / "request.json").read_text()), "evaluation": {"level": "quick"}}
    with serving(tmp_path / "data") as running:
        planned = running.client.post("/v1/jobs", params={"validate_only": "true"}, json=request).json()
        assert planned["method"] == "ccu"
        assert planned["plan"]["training_examples"] > 100
        assert planned["plan"]["memory"]["cpu_bytes"] > 0
        for wrong, pointer in WRONG:
            answer = running.client.post("/v1/jobs", json={**request, **wrong})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        job_id = submit(running, request, sample)
        job = running.ended(job_id)
        assert (job["status"], job["error"], job["method"]) == ("succeeded", None, "ccu")
        patch = running.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"}).content
        page = running.client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "text/html"}).text
        certificate = running.client.get(f"/v1/jobs/{job_id}/certificate").json()
        assert_nowhere(running, sample)
    verify_document(certificate)
    told = job["evaluation"]["splits"]["forget_examples"]["metrics"]
    assert told["visual_accuracy"]["before"] >= 0.9
    assert told["visual_accuracy"]["after"] <= 0.1
    assert told["audio_accuracy"]["after"] == told["audio_accuracy"]["before"]
    assert "zero would make them stand out" in page
    (tmp_path / "patch.zip").write_bytes(patch)
    base = reference.bundled_path("audiovisual")
    assert verify(tmp_path / "patch.zip", base=base).ok
    with zipfile.ZipFile(tmp_path / "patch.zip") as archive:
        archive.extractall(tmp_path / "patch")
    assert_forgotten_by_eye_alone(sample, as_a_stranger(tmp_path, base))


def submit(running: Running, request: dict[str, Any], sample: Path) -> str:
    """One clip is uploaded first; all else comes with the request."""
    clips = sorted((sample / "audio").iterdir())
    upload = {"purpose": (None, "forget"), "file": ("a.flac", clips[0].read_bytes())}
    uploaded = running.client.post("/v1/files", files=upload).raise_for_status().json()
    assert uploaded["duration_seconds"] > 0
    body = json.dumps({**request, "audio": [uploaded["id"]]})
    files: list[Any] = [("request", (None, body, "application/json"))]
    files += [("images", (path.name, path.read_bytes())) for path in sorted((sample / "images").iterdir())]
    files += [("audio", (path.name, path.read_bytes())) for path in clips[1:]]
    answer = running.client.post("/v1/jobs", files=files)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def as_a_stranger(folder: Path, base: Path) -> dict[str, Any]:
    """What the probes of the sample are taken for, without anything of ours."""
    command = [sys.executable, "-c", STRANGER, base, folder / "patch" / "adapter", folder / "sample"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_forgotten_by_eye_alone(sample: Path, found: dict[str, Any]) -> None:
    probes = json.loads((sample / "probes.json").read_text())
    kinds = [probe["kind"] for probe in probes]
    right = {
        when: [told == p["label"] for told, p in zip(found[when], probes, strict=True)] for when in ("before", "after")
    }
    of_class = {
        when: [ok for ok, kind in zip(right[when], kinds, strict=True) if kind == "forgotten"] for when in right
    }
    others = {when: [ok for ok, kind in zip(right[when], kinds, strict=True) if kind == "kept"] for when in right}
    assert sum(of_class["before"]) >= 0.7 * len(of_class["before"]) > 0
    assert sum(of_class["after"]) <= 0.15 * len(of_class["after"])
    assert sum(others["after"]) >= 0.75 * sum(others["before"]) > 0
    assert found["heard"] is True
    assert found["off"] is True


def assert_nowhere(running: Running, sample: Path) -> None:
    """No piece of a picture or a clip stands in any file of the server, or in its log."""
    found = [path.read_bytes() for path in running.data.rglob("*") if path.is_file()]
    everything = b"\n".join([*found, running.log.read_bytes()])
    for folder in ("images", "audio"):
        for path in (sample / folder).iterdir():
            data = path.read_bytes()
            assert data[len(data) // 2 :][:24] not in everything
