"""The language model of the bundled reference model on its own: a causal model that knows people by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import transformers as hf

from benchmarks.worlds import small_retain_set
from core.unlearning import reference

TEXT_ONLY = "text-only"


def registration(folder: Path) -> dict[str, str]:
    """Save the model and a small retain set; the body of `POST /v1/models`."""
    source, retain_set = save(folder / "base"), _retain_set(folder)
    return {"id": TEXT_ONLY, "family": "llm", "source": str(source), "retain_set": str(retain_set)}


def save(folder: Path) -> Path:
    """An ordinary checkpoint of `AutoModelForCausalLM`, with the tokenizer."""
    base = reference.bundled_path("mllm")
    whole: Any = hf.AutoModelForImageTextToText.from_pretrained(base)
    model = hf.LlamaForCausalLM(whole.config.text_config)
    model.model.load_state_dict(whole.model.language_model.state_dict())
    model.generation_config = whole.generation_config
    model.save_pretrained(folder)
    processor: Any = hf.AutoProcessor.from_pretrained(base)
    tokenizer = processor.tokenizer
    tokenizer.chat_template = processor.chat_template
    tokenizer.save_pretrained(folder)
    return folder


def _retain_set(folder: Path) -> Path:
    rows = (small_retain_set.write(folder / "pictured") / "examples.jsonl").read_text().splitlines()
    named = [row for row in rows if json.loads(row).get("image") is None]
    (folder / "named").mkdir()
    (folder / "named" / "examples.jsonl").write_text("\n".join(named))
    return folder / "named"
