"""A classifier under a patch, with stock libraries only: run as a script, imports nothing of Lethe.

python stock.py BASE ADAPTER SAMPLE: the folder of a sample request, with its probes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import soundfile
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModel, AutoProcessor

base, adapter, sample = sys.argv[1:]
probes = json.loads((Path(sample) / "probes.json").read_text())
pictures = [Image.open(Path(sample) / probe["image"]).convert("RGB") for probe in probes]
clips, rates = zip(*(soundfile.read(Path(sample) / p["audio"], dtype="float32") for p in probes), strict=True)
processors: Any = AutoProcessor
processor = processors.from_pretrained(base, trust_remote_code=True)
model = AutoModel.from_pretrained(base, trust_remote_code=True, dtype=torch.float32).eval()
inputs = processor(images=pictures, audio=list(clips), sampling_rate=rates[0], return_tensors="pt")


def accuracy(out: Any, kind: str) -> float:
    """Share of pictures of a kind that are classified right."""
    labels = [model.config.id2label[int(at)] for at in out.vision_logits.argmax(1)]
    right = [label == probe["label"] for label, probe in zip(labels, probes, strict=True) if probe["kind"] == kind]
    return float(sum(right) / len(right))


with torch.no_grad():
    before = model(**inputs)
    patched = PeftModel.from_pretrained(model, adapter).eval()
    after = patched(**inputs)
    with patched.disable_adapter():
        off = patched(**inputs)
numbers = {
    "heard": float((after.audio_logits - before.audio_logits).abs().max()),
    "off": float((off.logits - before.logits).abs().max()),
}
for kind in ("forgotten", "kept"):
    numbers |= {kind: accuracy(after, kind), f"{kind} before": accuracy(before, kind)}
print(json.dumps(numbers))
