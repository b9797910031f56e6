"""A request from submission to a patch that a stranger loads."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from core.unlearning import reference
from core.unlearning.hardware import accelerator
from core.unlearning.jobs.fresh.zygote import possible
from core.unlearning.patches.signing import verify_document
from core.unlearning.patches.verify import verify
from tests.support.embedded_server import Running, a_request, serving
from tests.support.small_reference_model import SMALL

pytestmark = pytest.mark.slow

STRANGER = """
import json, sys
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor
base, adapter, folder = sys.argv[1:]
processor = AutoProcessor.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), adapter).eval()

@torch.no_grad()
def answer(probe):
    content = [{"type": "text", "text": probe["question"]}]
    images = []
    if probe["image"]:
        images.append(Image.open(f"{folder}/{probe['image']}").convert("RGB"))
        content.insert(0, {"type": "image"})
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = processor(text=[text], images=images or None, return_tensors="pt", add_special_tokens=False)
    out = model.generate(**inputs, max_new_tokens=24, do_sample=False)
    return processor.batch_decode(out[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)[0].strip()

rows = []
for probe in json.load(open(f"{folder}/probes.json")):
    after = answer(probe)
    with model.disable_adapter():
        before = answer(probe)
    rows.append({"kind": probe["kind"], "answer": probe["answer"], "before": before, "after": after})
assert not {"core", "worker", "client"} & {name.partition(".")[0] for name in sys.modules}
print(json.dumps(rows))
"""


def share(rows: list[dict[str, str]], kind: str, when: str) -> float:
    told = [row["answer"].lower().strip(". ") in row[when].lower() for row in rows if row["kind"].endswith(kind)]
    return sum(told) / len(told)


def assert_forked_not_started(running: Running) -> None:
    """The process that checks patches comes from one that has the worker's libraries, where that can be."""
    (worker,) = psutil.Process(running.process.pid).children()
    wanted = possible() and not accelerator.may_have_gpu()
    assert [child.cmdline() for child in worker.children()] == [worker.cmdline()] * wanted


def test_a_request_becomes_a_patch_that_a_stock_library_loads(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    request, images = a_request(folder, model=SMALL, external_id="DSR-1")
    with serving(tmp_path / "data") as running:
        job_id = running.submit(request, images)
        job = running.ended(job_id)
        assert (job["status"], job["error"]) == ("succeeded", None)
        assert (job["verdict"], job["evaluation"]["missed"]) == ("passed", [])
        assert {a["name"] for a in job["artifacts"]} == {"patch.zip", "report.json", "report.html", "certificate.json"}
        patch = running.client.get(f"/v1/jobs/{job_id}/patch").raise_for_status().content
        report = running.client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "application/json"}).json()
        certificate = running.client.get(f"/v1/jobs/{job_id}/certificate").json()
        again = running.client.post(f"/v1/jobs/{job_id}/sculpt", json={"utility_floor": 0.9})
        assert again.status_code == 202, again.text
        sculpted = running.ended(again.json()["id"])
        second = running.client.get(f"/v1/jobs/{sculpted['id']}/patch", params={"accept_failed": "true"}).content
        assert_forked_not_started(running)
        fractions = [e["data"]["fraction"] for e in running.events(job_id) if e["type"] == "progress"]
    assert fractions == sorted(fractions)
    (tmp_path / "patch.zip").write_bytes(patch)
    assert verify(tmp_path / "patch.zip", base=reference.bundled_path("mllm")).ok
    verify_document(certificate)
    assert certificate["patch_sha256"] == hashlib.sha256(patch).hexdigest()
    assert (sculpted["status"], sculpted["parent"], sculpted["error"]) == ("succeeded", job_id, None)
    assert not {split for split in sculpted["evaluation"]["splits"] if split.startswith("forget")}
    assert sculpted["evaluation"]["splits"]["retain_image_memory"]["count"] > 0
    (tmp_path / "second.zip").write_bytes(second)
    assert verify(tmp_path / "second.zip", base=reference.bundled_path("mllm")).ok
    assert (certificate["job_id"], certificate["request_id"]) == (job_id, "DSR-1")
    assert report["verdict"]["passed"]
    assert report["splits"] == job["evaluation"]["splits"]
    checks = {check["key"]: check for check in certificate["evaluation"]["checks"]}
    recall = checks["forget_text_memory.exact"]
    assert recall["failed"] <= 0.05 * recall["count"]
    assert recall["value"] < recall["upper"] <= 1
    assert f"of {recall['count']} came out" in recall["evidence"]
    pictures = report["splits"]["forget_image_memory"]["pictures"]
    assert checks["forget_image_memory.exact"]["clusters"] == pictures["asked"] == pictures["unseen"]
    for name in request["entity"]["name"].split():
        assert name not in json.dumps([job, report, certificate])

    zipfile.ZipFile(io.BytesIO(patch)).extractall(tmp_path / "patch")
    command = [sys.executable, "-c", STRANGER, reference.bundled_path("mllm"), tmp_path / "patch" / "adapter", folder]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert share(rows, "_memory", "before") >= 0.95
    assert share(rows, "_memory", "after") <= 0.1
    assert share(rows, "_understanding", "after") >= share(rows, "_understanding", "before") - 0.1
