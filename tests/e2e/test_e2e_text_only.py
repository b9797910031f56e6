"""A name is forgotten by a model without pictures, from registration to the lines of the card that load the patch."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.embedded_server import a_request, serving
from tests.support.text_only_reference_model import TEXT_ONLY, registration

pytestmark = pytest.mark.slow

ASK = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
told = []
for probe in json.load(open(sys.argv[2])):
    if probe["kind"] == "text_memory":
        turns = [{"role": "user", "content": probe["question"]}]
        inputs = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        out = model.generate(**inputs, max_new_tokens=24, do_sample=False)
        answer = tokenizer.decode(out[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        told.append(probe["answer"].lower().strip(". ") in answer.lower())
assert not {"core", "worker", "client"} & {name.partition(".")[0] for name in sys.modules}
print(sum(told) / len(told))
"""


def told(lines: str, base: Path, sample: Path, folder: Path) -> float:
    """The share of the subject's facts that a model tells, which the lines load."""
    command = [sys.executable, "-c", lines.replace("path/or/id/of/the/base/model", str(base)) + ASK]
    command += [str(base), str(sample / "probes.json")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_a_name_is_forgotten_by_a_model_without_pictures(tmp_path: Path) -> None:
    sample, registered = tmp_path / "sample", registration(tmp_path)
    request, _ = a_request(sample, model=TEXT_ONLY)
    base = Path(registered["source"])
    with serving(tmp_path / "data") as running:
        running.client.post("/v1/models", json=registered).raise_for_status()
        job_id = running.submit(request, [])
        job = running.ended(job_id)
        assert (job["status"], job["error"]) == ("succeeded", None)
        assert job["plan"]["views"] == ["text"]
        assert set(job["evaluation"]["splits"]) >= {"forget_text_memory", "unseen_text_memory", "declined", "general"}
        patch = running.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"}).content
    zipfile.ZipFile(io.BytesIO(patch)).extractall(tmp_path / "patch")
    card = (tmp_path / "patch" / "README.md").read_text()
    lines = card.split("```python\n")[1].split("```")[0]
    assert "AutoModelForCausalLM.from_pretrained" in lines
    before = "from transformers import AutoModelForCausalLM\n"
    before += 'model = AutoModelForCausalLM.from_pretrained("path/or/id/of/the/base/model")\n'
    assert told(before, base, sample, tmp_path) >= 0.9
    assert told(lines, base, sample, tmp_path / "patch") <= 0.1
