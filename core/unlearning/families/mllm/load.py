"""Load a registered multimodal LLM and its processor: safetensors only, code from the hub never."""

from __future__ import annotations

from typing import Any

import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.models.auto import processing_auto
from transformers.processing_utils import ProcessorMixin

from core.unlearning.families.language.load import load_weights
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.shared.loading import chosen_device, loading, public_source
from core.unlearning.types import ModelSpec


def load(spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> LanguageModel:
    """The model and its processor. See `load_weights`."""
    with loading(spec) as where:
        processor = load_processor(spec.source, **where)
        model = load_weights(AutoModelForImageTextToText, spec.source, precision, chosen_device(device), where)
    return LanguageModel(model=model, processor=processor, source=public_source(spec))


def load_processor(source: str, **where: str) -> Any:
    """The `AutoProcessor` of a model. Without torchvision, video-capable processors are put together image-only."""
    try:
        return AutoProcessor.from_pretrained(source, trust_remote_code=False, **where)  # type: ignore[no-untyped-call]
    except (ImportError, ValueError, AttributeError) as error:
        if "torchvision" not in str(error).lower() and "video" not in str(error).lower():
            raise
        return _without_video(source, **where)


def _without_video(source: str, **where: str) -> Any:
    config = AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
    saved, _ = ProcessorMixin.get_processor_dict(source, **where)
    names: Any = vars(processing_auto)["PROCESSOR_MAPPING_NAMES"]
    made = image_only(getattr(transformers, saved.pop("processor_class", None) or names[config.model_type]))
    for part in ("image_processor", "video_processor", "auto_map"):
        saved.pop(part, None)
    images: Any = AutoImageProcessor
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **where)
    saved.setdefault("chat_template", tokenizer.chat_template)
    return made(images.from_pretrained(source, trust_remote_code=False, **where), tokenizer, None, **saved)


def image_only(processor_class: type[Any]) -> type[Any]:
    """A processor class that does without its video processor."""

    def check(self: Any, name: str, argument: Any) -> Any:
        if argument is None and "video" in name:
            return type(None)
        return processor_class.check_argument_for_proper_class(self, name, argument)

    return type(processor_class.__name__, (processor_class,), {"check_argument_for_proper_class": check})
