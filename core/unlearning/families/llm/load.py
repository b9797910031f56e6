"""Load a registered language model and its tokenizer."""

from __future__ import annotations

from transformers import AutoModelForCausalLM, AutoTokenizer

from core.unlearning.families.language.load import load_weights
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.shared.loading import chosen_device, loading, public_source
from core.unlearning.types import ModelSpec


def load(spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> LanguageModel:
    """The model and its tokenizer. See `load_weights`."""
    with loading(spec) as where:
        tokenizer = AutoTokenizer.from_pretrained(spec.source, trust_remote_code=False, **where)
        # Some list token types, which decoders either reject or embed as further tokens.
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
        model = load_weights(AutoModelForCausalLM, spec.source, precision, chosen_device(device), where)
    return LanguageModel(model=model, processor=tokenizer, sees=False, source=public_source(spec))
