"""A classifier under a patch, with stock libraries only: run as a script, imports nothing of Lethe.

python stock.py BASE ADAPTER SAMPLE: the folder of a sample request, with its probes.
"""

import json
import sys
from pathlib import Path

import soundfile
import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModel, AutoProcessor

base, adapter, sample = sys.argv[1:]
probes = json.loads((Path(sample) / "probes.json").read_text())
pictures = [Image.open(Path(sample) / probe["image"]).convert("RGB") for probe in probes]
clips, rates = zip(*(soundfile.read(Path(sample) / p["audio"], dtype="float32") for p in probes), strict=True)
processor = AutoProcessor.from_pretrained(base, trust_remote_code=True)
model = AutoModel.from_pretrained(base, trust_remote_code=True, dtype=torch.float32).eval()
inputs = processor(images=pictures, audio=list(clips), sampling_rate=rates[0], return_tensors="pt")


def right(out: object, kind: str) -> float:
    """Share of pictures of a kind that are told right."""
    named = [model.config.id2label[int(at)] for at in out.vision_logits.argmax(1)]
    found = [label == probe["label"] for label, probe in zip(named, probes, strict=True) if probe["kind"] == kind]
    return sum(found) / len(found)


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
    numbers |= {kind: right(after, kind), f"{kind} before": right(before, kind)}
print(json.dumps(numbers))
